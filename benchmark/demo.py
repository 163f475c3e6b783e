"""Try fitted models in the browser, on this machine: ``python -m benchmark.demo``."""

from __future__ import annotations

import click
import waitress

from benchmark.options import Options, command
from benchmark.scores.leaderboard import Leaderboard
from datasets import InputError

HOST = "127.0.0.1"
WEB_PORT = 80


@command("out")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
def main(options: Options, port: int) -> None:
    """Serve a page on this machine that answers about pictures with the models in OUT."""
    from benchmark.use import serving

    options.results.check_not_empty()
    made = serving.app(Leaderboard.compute(options.results), hosts(port))
    try:
        server = waitress.create_server(
            made, host=HOST, port=port, threads=4, max_request_body_size=serving.MOST_BYTES
        )
    except OSError as error:
        raise InputError(
            f"port {port} is not free ({error.strerror}): name another --port"
        ) from error
    click.echo(f"open http://{HOST}:{port} in a browser of this machine; Ctrl-C ends it")
    try:
        server.run()
    finally:
        server.close()


def hosts(port: int) -> list[str]:
    """Names that browsers ask for the page by; the web's usual port they leave out."""
    names = [HOST, "localhost"]
    return [*(f"{name}:{port}" for name in names), *(names if port == WEB_PORT else ())]


if __name__ == "__main__":
    main()
