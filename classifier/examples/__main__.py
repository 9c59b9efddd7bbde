"""Paint the example pictures into the folder that the page shows them from."""

from classifier.examples import machines, others
from classifier.services.examples import EXAMPLES_FOLDER

PAINTERS = (
    machines.ship,
    machines.airplane,
    machines.automobile,
    machines.truck,
    others.frog,
    others.bird,
    others.teapot,
)


def main() -> None:
    for painter in PAINTERS:
        path = EXAMPLES_FOLDER / f"{painter.__name__}.jpg"
        path.write_bytes(painter().jpeg())
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
