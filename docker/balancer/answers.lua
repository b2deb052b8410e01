-- HAProxy's own answers, for requests that it gives to no replica. haproxy.cfg tells when.

local function read_to_its_end(applet)
    repeat
        local part = applet:receive(16384)
    until part == nil or #part == 0
end

local function problem(status, title, detail, headers)
    local body = string.format(
        '{"type":"urn:trident:problem:%s","title":"%s","status":%d,"detail":"%s"}',
        title:lower():gsub(" ", "-"), title, status, detail
    )
    return function(applet)
        read_to_its_end(applet)
        applet:set_status(status)
        applet:add_header("content-type", "application/problem+json")
        applet:add_header("content-length", tostring(#body))
        for name, value in pairs(headers) do
            applet:add_header(name, value)
        end
        applet:start_response()
        applet:send(body)
    end
end

local function grpc_error(status, message)
    return function(applet)
        read_to_its_end(applet)
        applet:set_status(200)
        applet:add_header("content-type", "application/grpc")
        applet:add_header("content-length", "0")
        applet:add_header("grpc-status", tostring(status))
        applet:add_header("grpc-message", message)
        applet:start_response()
    end
end

local NO_REPLICA = "No replica of the service answers: try again in a few seconds."

core.register_service("http_not_found", "http", problem(
    404, "Not found", "There is nothing for callers here: / lists what there is.", {}
))
core.register_service("http_unavailable", "http", problem(
    503, "Not ready", NO_REPLICA, {["retry-after"] = "5"}
))
core.register_service("grpc_unavailable", "http", grpc_error(14, NO_REPLICA))
