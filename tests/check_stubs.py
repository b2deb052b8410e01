"""Check that the committed gRPC stubs are what `make proto` would generate."""

import subprocess
import sys
import tempfile
from pathlib import Path

PROTO = Path("service/api/trident/inference.proto")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
        command = [sys.executable, "-m", "grpc_tools.protoc", "-I", ".", *out, str(PROTO)]
        subprocess.run(command, check=True)
        generated = sorted(p.relative_to(folder) for p in Path(folder).rglob("*.py*"))
        stale = [p for p in generated if (Path(folder) / p).read_bytes() != p.read_bytes()]
    for path in stale:
        sys.stderr.write(f"{path} isn't what {PROTO} makes: run `make proto`.\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
