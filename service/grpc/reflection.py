"""`grpc.reflection.v1alpha.ServerReflection`: the services and their messages, for tools."""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection_pb2 as messages

from service.grpc.calls import Call, StreamingMethod
from service.grpc.status import CallError, StatusCode

REFLECTION: Final[str] = messages.DESCRIPTOR.services_by_name["ServerReflection"].full_name


class Reflection:
    """Tells of services, by the descriptors in protobuf's default pool."""

    def __init__(self, services: tuple[str, ...]) -> None:
        """Tell of these services, and of whatever their messages are made of."""
        self._services = sorted(services)
        self._pool = descriptor_pool.Default()

    @property
    def streaming(self) -> dict[str, StreamingMethod]:
        """The methods of many messages, by path."""
        return {f"/{REFLECTION}/ServerReflectionInfo": self._info}

    async def _info(self, call: Call) -> None:
        while (data := await call.receive()) is not None:
            try:
                request = messages.ServerReflectionRequest.FromString(data)
            except DecodeError:
                raise CallError(StatusCode.INVALID_ARGUMENT, "The message can't be read.") from None
            response = messages.ServerReflectionResponse(
                valid_host=request.host, original_request=request, **self._answer(request)
            )
            await call.send(response.SerializeToString())

    def _answer(self, request: Any) -> dict[str, Any]:
        """Return the field of the response that answers a request."""
        try:
            match request.WhichOneof("message_request"):
                case "list_services":
                    return {"list_services_response": self._list()}
                case "file_by_filename":
                    return _files(self._pool.FindFileByName(request.file_by_filename))
                case "file_containing_symbol":
                    symbol = request.file_containing_symbol
                    return _files(self._pool.FindFileContainingSymbol(symbol))
                case "file_containing_extension":
                    return _files(self._extension(request.file_containing_extension).file)
                case "all_extension_numbers_of_type":
                    name = request.all_extension_numbers_of_type
                    return {"all_extension_numbers_response": self._numbers(name)}
                case _:
                    return _error(StatusCode.INVALID_ARGUMENT, "The request asks for nothing.")
        except KeyError:
            return _error(StatusCode.NOT_FOUND, "There is nothing of this name.")

    def _list(self) -> dict[str, Any]:
        return {"service": [{"name": name} for name in self._services]}

    def _extension(self, wanted: Any) -> Any:
        extended = self._pool.FindMessageTypeByName(wanted.containing_type)
        return self._pool.FindExtensionByNumber(extended, wanted.extension_number)

    def _numbers(self, name: str) -> dict[str, Any]:
        extensions = self._pool.FindAllExtensions(self._pool.FindMessageTypeByName(name))
        numbers = sorted(extension.number for extension in extensions)
        return {"base_type_name": name, "extension_number": numbers}


def _files(file: Any) -> dict[str, Any]:
    """Return a file's descriptor, and those of all that it imports."""
    protos = []
    for needed in _with_imports(file, set()):
        proto = descriptor_pb2.FileDescriptorProto()
        needed.CopyToProto(proto)
        protos.append(proto.SerializeToString())
    return {"file_descriptor_response": {"file_descriptor_proto": protos}}


def _with_imports(file: Any, seen: set[str]) -> Iterator[Any]:
    seen.add(file.name)
    yield file
    for imported in file.dependencies:
        if imported.name not in seen:
            yield from _with_imports(imported, seen)


def _error(status: StatusCode, message: str) -> dict[str, Any]:
    return {"error_response": {"error_code": status.value, "error_message": message}}
