"""`python -m cifarsite.healthcheck`: exit 0 if the server in this container answers, for Docker's HEALTHCHECK."""

import os
import sys
import urllib.request


def main() -> int:
    # Django answers only to names it knows.
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".") or "localhost"
    address = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}/healthz"
    request = urllib.request.Request(address, headers={"Host": "localhost" if host == "*" else host})
    try:
        with urllib.request.urlopen(request, timeout=4) as response:  # noqa: S310  # nosec B310
            return 0 if response.status == 200 else 1
    except OSError as error:
        print(f"{address}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
