"""`grpc.reflection.v1.ServerReflection`: the services and their messages, for tools.

Older tools ask for it by the name `v1alpha`, whose messages are the same byte for byte. The package
`grpcio-reflection` has only `v1alpha`, so the descriptor of v1 is made from it.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection_pb2

from service.transport.grpc.status import CallError, StatusCode
from service.transport.grpc.streaming import StreamingCall, StreamingMethod

_V1ALPHA: Final[str] = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"].full_name
_V1: Final = _V1ALPHA.replace("v1alpha", "v1")


class Reflection:
    """Describes services, and itself, with descriptors in its own pool."""

    def __init__(self, services: tuple[str, ...]) -> None:
        """Describe these services, and everything that their messages contain."""
        self._services = sorted((*services, _V1, _V1ALPHA))
        self._pool = descriptor_pool.DescriptorPool()
        self._pool.Add(_proto_of_v1())
        for service in (*services, _V1ALPHA):
            for file in _with_imports(descriptor_pool.Default().FindFileContainingSymbol(service)):
                self._pool.Add(_proto(file))

    @property
    def streaming(self) -> dict[str, StreamingMethod]:
        """The methods of many messages, by path."""
        return {f"/{name}/ServerReflectionInfo": self._info for name in (_V1, _V1ALPHA)}

    async def _info(self, call: StreamingCall) -> None:
        while (data := await call.next_message()) is not None:
            try:
                request = reflection_pb2.ServerReflectionRequest.FromString(data)
            except DecodeError:
                raise CallError(
                    StatusCode.INVALID_ARGUMENT, "The message isn't a ServerReflectionRequest."
                ) from None
            response = reflection_pb2.ServerReflectionResponse(
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
            return _error(StatusCode.NOT_FOUND, "There is nothing with this name.")

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
    protos = [_proto(needed).SerializeToString() for needed in reversed(_with_imports(file))]
    return {"file_descriptor_response": {"file_descriptor_proto": protos}}


def _with_imports(file: Any) -> list[Any]:
    """Return a file and all that it imports, each once, after its own imports."""
    found: dict[str, Any] = {}
    for imported in file.dependencies:
        found |= {needed.name: needed for needed in _with_imports(imported)}
    return [*found.values(), file]


def _proto(file: Any) -> descriptor_pb2.FileDescriptorProto:
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    return proto


def _proto_of_v1() -> descriptor_pb2.FileDescriptorProto:
    text = text_format.MessageToString(_proto(reflection_pb2.DESCRIPTOR))
    return text_format.Parse(text.replace("v1alpha", "v1"), descriptor_pb2.FileDescriptorProto())


def _error(status: StatusCode, message: str) -> dict[str, Any]:
    return {"error_response": {"error_code": status.value, "error_message": message}}
