"""Which operations and files a graph may have: a SavedModel is a program.

TensorFlow has operations that read or write any file, call Python or open connections. A model that
answers requests needs none of them, and by some a caller could read the server's files. This is no
sandbox: who writes a graph can still make it read a file as a table, compute for ever, or use a
fault of TensorFlow. See SECURITY.md.
"""

from collections.abc import Iterator
from typing import Any, Final

from service.errors import CorruptModelError

MAX_NODES: Final = 1_000_000
"""Nodes that a graph may have, with those of its functions. Large models have some 100,000."""

_FILES: Final = """
    ReadFile WriteFile MatchingFiles RecordInput Skipgram GenerateVocabRemapping LoadAndRemapMatrix
    CalibrationStatisticsSaver FileSystemSetConfiguration DumpTensor
    FixedLengthRecordReader FixedLengthRecordReaderV2 TextLineReader TextLineReaderV2
    TFRecordReader TFRecordReaderV2 WholeFileReader WholeFileReaderV2 LMDBReader
    TextLineDataset TFRecordDataset TFRecordDatasetV2 FixedLengthRecordDataset
    FixedLengthRecordDatasetV2 CSVDataset CSVDatasetV2 ExperimentalCSVDataset SqlDataset
    ExperimentalSqlDataset LMDBDataset ExperimentalLMDBDataset MatchingFilesDataset
    ExperimentalMatchingFilesDataset CacheDataset CacheDatasetV2 SnapshotDataset SnapshotDatasetV2
    SnapshotDatasetReader SnapshotNestedDatasetReader SnapshotChunkDataset
    ListSnapshotChunksDataset LoadDataset SaveDataset SaveDatasetV2 DatasetToTFRecord
    ExperimentalDatasetToTFRecord CreateSummaryFileWriter CreateSummaryDbWriter
    DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount DebugNumericSummary Copy CopyHost
"""
_CODE: Final = "PyFunc PyFuncStateless EagerPyFunc XlaCustomCall XlaCustomCallV2"
_CONNECTIONS: Final = """
    RpcServer RpcServerStart RpcServerRegister RpcClient RpcCall RpcGetValue RpcCheckStatus
    DeleteRpcFutureResource RemoteCall RegisterDataset RegisterDatasetV2 DistributedSave
    DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4
"""
FORBIDDEN: Final = frozenset(f"{_FILES} {_CODE} {_CONNECTIONS}".split())
"""The operations of TensorFlow 2.21 that no served model may have."""

_FORBIDDEN_VALUES: Final = {
    "PrintV2": ("output_stream", b"file:"),
    "FixedUnigramCandidateSampler": ("vocab_file", b""),
}
"""Operations that use a file only if an attribute, longer than this, begins so."""


def check_graph(meta_graph: Any, source: str) -> None:
    """Check the graph of a SavedModel, a `MetaGraphDef`, before TensorFlow gets it.

    Raises:
        CorruptModelError: it is too large, or has an operation or an asset that isn't allowed.
    """
    graph = meta_graph.graph_def
    count = len(graph.node) + sum(len(each.node_def) for each in graph.library.function)
    if count > MAX_NODES:
        raise CorruptModelError(f"{source}: its graph has {count} nodes, over {MAX_NODES}.")
    found = {node.op for node in _nodes(graph) if _is_forbidden(node)}
    if found:
        raise CorruptModelError(
            f"{source}: its graph has {', '.join(sorted(found))}: operations that use files, other "
            "processes or Python code aren't served. Export the model without them."
        )
    for asset in meta_graph.asset_file_def:
        if asset.filename.startswith(".") or {"", ".."} & set(asset.filename.split("/")):
            raise CorruptModelError(f"{source}: {asset.filename!r} can't be the name of an asset.")


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _is_forbidden(node: Any) -> bool:
    if node.op in FORBIDDEN:
        return True
    name, start = _FORBIDDEN_VALUES.get(node.op, ("", b""))
    if name not in node.attr:  # to look it up would add it
        return False
    value: bytes = node.attr[name].s
    return len(value) > len(start) and value.startswith(start)
