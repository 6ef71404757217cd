"""What the demo shows: a story on a terminal or in a file, or nothing for JSON."""

from __future__ import annotations

import sys
from typing import Any

from llmroute.explain import format_usd, render

__all__ = ["Screen", "Story"]


class Screen:
    """Where a run tells what happens; this one shows nothing."""

    def title(self, config: dict[str, Any]) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Show nothing."""

    def piece(self, text: str) -> None:
        """Show nothing."""

    def event(self, number: int, text: str) -> None:
        """Show nothing."""

    def decision(self, decision: dict[str, Any]) -> None:
        """Show nothing."""

    def progress(self, done: int, total: int, failures: int) -> None:
        """Show nothing."""

    def progress_end(self) -> None:
        """Show nothing."""

    def summary(self, document: dict[str, Any]) -> None:
        """Show nothing."""


class Story(Screen):
    """Tells it on standard output; colour and a moving line only on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, soft_wrap=True)
        self._moving = self._console.is_terminal
        self._line_open = False

    def title(self, config: dict[str, Any]) -> None:
        """Introduce the world."""
        self._console.print("[bold]llmroute demo[/bold]: four simulated providers, real HTTP")
        for name, deployment in config["deployments"].items():
            price = deployment["price"]
            self._console.print(
                f"  {name:<6} {deployment['dialect']:<10} {deployment['base_url']}   "
                f"{price['input_usd_per_million']:.2f} / {price['output_usd_per_million']:.2f} "
                "USD per million tokens in / out"
            )

    def say(self, text: str) -> None:
        """Print a line."""
        self._close_line()
        self._console.print(text, markup=False)

    def piece(self, text: str) -> None:
        """Print a piece of a streamed answer at once."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def event(self, number: int, text: str) -> None:
        """Announce what happens to a provider."""
        self._close_line()
        self._console.print(f"\n[bold yellow]request {number}: {text}[/bold yellow]")

    def decision(self, decision: dict[str, Any]) -> None:
        """Show one decision, indented."""
        self._close_line()
        for line in render(decision).splitlines():
            self._console.print(f"    {line}", markup=False, style="dim")

    def progress(self, done: int, total: int, failures: int) -> None:
        """Move the counter, on a terminal only."""
        if self._moving:
            sys.stdout.write(f"\r  {done}/{total} requests, {failures} failures seen by the user ")
            sys.stdout.flush()
            self._line_open = True

    def progress_end(self) -> None:
        """End the counter's line."""
        self._close_line()

    def summary(self, document: dict[str, Any]) -> None:
        """Print the closing table."""
        from rich.table import Table

        alone = document["without_routing"]
        table = Table(title="\nThe same traffic and the same faults", title_justify="left")
        table.add_column("")
        table.add_column("llmroute", justify="right")
        table.add_column(f"without routing ({alone['deployment']})", justify="right")
        rows = (
            ("requests", document["requests"], alone["requests"]),
            ("failures seen by the user", document["user_failures"], alone["user_failures"]),
            ("attempts", document["attempts"], alone["attempts"]),
            ("cost", _usd(document["cost_usd"]), _usd(alone["cost_usd"])),
            ("of it for attempts that were thrown away", _usd(document["extra_cost_usd"]), ""),
        )
        for label, ours, theirs in rows:
            table.add_row(label, str(ours), str(theirs))
        self._console.print(table)
        shares = ", ".join(f"{name} {count}" for name, count in document["served_by"].items())
        self._console.print(f"answered by: {shares}   ({document['elapsed_s']} s in all)")

    def _close_line(self) -> None:
        if self._line_open:
            sys.stdout.write("\n")
            self._line_open = False


def _usd(value: float) -> str:
    return format_usd({"usd": value, "kind": ""}).strip()
