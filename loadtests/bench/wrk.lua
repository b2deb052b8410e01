-- Sends the requests of a file in turn (see requests.py) and prints the figures as JSON.

local requests = {}
local next_request = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local head = file:read(4)
    if not head then break end
    local a, b, c, d = head:byte(1, 4)
    requests[#requests + 1] = file:read(((a * 256 + b) * 256 + c) * 256 + d)
  end
  file:close()
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    'result {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "p999": %d, "errors": %d, "refused": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), failed, errors.status))
end
