"""The command line: ``llmroute COMMAND``, where ``llmroute --help`` lists the commands.

Exit codes: 0 it worked, 1 the request or the check failed, 2 the command or the configuration is
wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name. Default: ``sys.argv[1:]``.

    Returns
    -------
    int
        The exit code.
    """
    from llmroute.errors import ConfigError, LlmrouteError

    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 2
    try:
        return int(options.run(options))
    except ConfigError as error:
        print(f"llmroute: {error}", file=sys.stderr)
        return 2
    except LlmrouteError as error:
        print(f"llmroute: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): that is no failure of ours.
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    import llmroute

    parser = argparse.ArgumentParser(
        prog="llmroute",
        description="An LLM router that survives its providers and says why.",
        epilog="Start with `llmroute demo`: it needs no key, no configuration and no network.",
    )
    parser.add_argument("--version", action="version", version=f"llmroute {llmroute.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    _add_demo(commands)
    _add_chat(commands)
    _add_check(commands)
    _add_doctor(commands)
    _add_import(commands)
    _add_explain(commands)
    _add_simulate(commands)
    _add_sim(commands)
    _add_history(commands)
    _add_diff(commands)
    _add_inbox(commands)
    _add_catalogue(commands)
    return parser


Commands = argparse._SubParsersAction  # the only name argparse has for it


def _add_demo(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import demo

        return demo.run(seed=options.seed, requests=options.requests, as_json=options.json)

    parser = commands.add_parser(
        "demo",
        help="simulated providers fail one after another while real requests are routed",
        description="Starts four simulated providers on this machine, sends real HTTP traffic, "
        "kills the favourite in mid-flight, throws a rate-limit wave and an overload wave, and "
        "shows what was decided and why. Ends with the same traffic sent without routing.",
    )
    parser.add_argument("--seed", type=int, default=7, help="repeats traffic and faults (7)")
    parser.add_argument(
        "--requests", type=int, default=240, metavar="N", help="requests in all, 40 or more (240)"
    )
    _add_json(parser)
    parser.set_defaults(run=run)


def _add_chat(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import requests

        return requests.chat(options)

    parser = commands.add_parser(
        "chat",
        help="send one prompt through the router, streamed",
        description="Sends one prompt and streams the answer. The prompt is read from standard "
        "input where it is `-`.",
    )
    _add_request(parser)
    parser.add_argument("--why", action="store_true", help="print the decision after the answer")
    parser.set_defaults(run=run)


def _add_explain(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import requests

        return requests.explain(options)

    parser = commands.add_parser(
        "explain",
        help="say where a request would go and why, without calling anyone",
        description="Plans one request: every candidate, kept or dropped, and why. Nobody is "
        "called and no key is needed.",
    )
    _add_request(parser)
    parser.add_argument("--why-not", metavar="DEPLOYMENT", help="one sentence about one deployment")
    parser.set_defaults(run=run)


def _add_check(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import check

        return check.run(options)

    parser = commands.add_parser(
        "check",
        help="find what is wrong with configuration files, and what cannot be meant",
        description="Reads each file as the router would and names every problem found: the path "
        "in the file, the line, and the nearest valid name. Then looks for what is allowed and "
        "cannot be meant, with a request that shows it, and runs its [[routing_tests]]. Ends with "
        "2 where a file cannot be used, 1 where there are errors.",
    )
    parser.add_argument("file", nargs="*", help=".toml, .yaml or .json")
    parser.add_argument("--strict", action="store_true", help="warnings fail too")
    parser.add_argument(
        "--days", type=int, default=90, metavar="N", help="prices are old after so long (90)"
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema for editors")
    _add_json(parser)
    parser.set_defaults(run=run)


def _add_doctor(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import doctor

        return doctor.run(options)

    parser = commands.add_parser(
        "doctor",
        help="look from here at every deployment: name, connection, certificate, key, model, price",
        description="Looks at every deployment of a configuration and says in one line what to do "
        "where something is wrong. Contacts them by DNS, TCP and TLS only; with --online it also "
        "asks for each provider's list of models, which is free: is the key valid, the model "
        "known, the clock right. Keys are never printed. Ends with 1 where something is broken.",
    )
    parser.add_argument("config", nargs="?", help="default: llmroute.toml if it is there")
    parser.add_argument("--online", action="store_true", help="ask providers for their models")
    parser.add_argument(
        "--deployment", action="append", default=[], metavar="NAME", help="only this one"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=5.0, metavar="S", help="of each step (5)"
    )
    _add_json(parser)
    parser.set_defaults(run=run)


def _add_import(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import imports

        return imports.run(options)

    parser = commands.add_parser(
        "import",
        help="translate the configuration of another router, and say what is not honoured",
        description="Translates a LiteLLM proxy configuration (model_list, router_settings, "
        "litellm_settings) and prints every field that is not honoured, with its path and why.",
    )
    parser.add_argument("kind", choices=("litellm",), help="whose configuration it is")
    parser.add_argument("file", help=".yaml, .json or .toml")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    _add_json(parser)
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 600")
    return value


def _add_simulate(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import simulate

        return simulate.run(options)

    parser = commands.add_parser(
        "simulate",
        help="run a day of traffic through a configuration in a second, calling nobody",
        description="Runs traffic through the engine on modelled providers, under a virtual clock. "
        "FILE is a configuration with two more tables, [world] and [traffic]; docs/simulation.md "
        "lists their keys.",
    )
    parser.add_argument("file", help=".toml, .yaml or .json")
    parser.add_argument("--seed", type=int, default=0, help="repeats it bit by bit (0)")
    parser.add_argument("--policies", metavar="A,B", help="compare these on the same traffic")
    parser.add_argument("--csv", metavar="FILE", help="traffic instead of [traffic]")
    parser.add_argument("--log", metavar="FILE", help="decisions as traffic, JSON lines")
    _add_json(parser)
    parser.set_defaults(run=run)


def _add_sim(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import sim

        return sim.run(options)

    parser = commands.add_parser(
        "sim",
        help="start simulated providers and keep them running",
        description="Starts simulated providers, real HTTP servers on 127.0.0.1, as a file "
        "describes them, prints their addresses and a configuration that uses them, and runs "
        "until interrupted.",
    )
    parser.add_argument("--config", metavar="FILE", help="what to simulate (.toml, .yaml, .json)")
    parser.add_argument("--for", dest="seconds", type=float, metavar="S", help="stop by itself")
    _add_json(parser)
    parser.set_defaults(run=run)


def _add_history(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import history

        return history.history(options)

    parser = commands.add_parser(
        "history",
        help="list the configurations that were served: who changed what, when and why",
        description="Lists the versions of the configuration that a state file holds, the latest "
        "last. Secrets are not kept there.",
    )
    parser.add_argument("state", metavar="STATE_FILE", help="what [state] path names")
    _add_json(parser)
    parser.set_defaults(run=run)


def _add_diff(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import history

        return history.diff(options)

    parser = commands.add_parser(
        "diff",
        help="compare two configurations, files or versions",
        description="Compares what two configurations say, one value a line with its whole path, "
        "in whatever order and format they were written. Secrets are not shown.",
    )
    parser.add_argument("old", metavar="OLD", help="a file, or with --state a version's number")
    parser.add_argument("new", metavar="NEW", help="the same")
    parser.add_argument("--state", metavar="STATE_FILE", help="where versions are read from")
    _add_json(parser)
    parser.set_defaults(run=run)


def _add_catalogue(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import catalogue

        if options.action == "update" and options.what is None:
            parser.error("update needs a file")
        return catalogue.run(options)

    parser = commands.add_parser(
        "catalogue",
        help="show what is known of models, or renew it from a file",
        description="The model catalogue fills in prices and limits that deployments do not state. "
        "`show` prints it, or one entry of it; `update` checks a file, shows what changes and puts "
        "it in the place of the one in use. The file is of the form that models.dev publishes "
        "(api.json) or of this package's own; nothing is fetched. A faulty one changes nothing.",
    )
    parser.add_argument("action", choices=["show", "update"])
    parser.add_argument(
        "what", nargs="?", metavar="WHAT", help="provider/model to show, or the file"
    )
    parser.add_argument(
        "--date", metavar="YYYY-MM-DD", help="when it was looked up, of a file that does not say"
    )
    parser.add_argument("--dry-run", action="store_true", help="check and compare, store nothing")
    _add_json(parser)
    parser.set_defaults(run=run)


def _add_inbox(commands: Commands[argparse.ArgumentParser]) -> None:
    def run(options: argparse.Namespace) -> int:
        from llmroute.cli import inbox

        return inbox.run(options)

    parser = commands.add_parser(
        "inbox",
        help="requests that wait for a person: list, show, answer, decline",
        description="Lists requests that were handed over to a person and parked in a state file, "
        "or answers one of them. `corrections` lists where requests should have gone instead.",
    )
    parser.add_argument("state", metavar="STATE_FILE", help="what [state] path names")
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=("list", "show", "answer", "decline", "corrections"),
        help="default: list",
    )
    parser.add_argument("id", nargs="?", help="of the request, for show, answer and decline")
    parser.add_argument("text", nargs="?", help="the answer; `-` reads standard input")
    parser.add_argument("--correct-group", metavar="GROUP", help="where it should have gone")
    parser.add_argument("--who", metavar="NAME", help="who answers")
    _add_json(parser)
    parser.set_defaults(run=run)


def _add_request(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", help="the user's message; `-` reads standard input")
    parser.add_argument(
        "--config", metavar="FILE", help="configuration (default: llmroute.toml if it is there)"
    )
    parser.add_argument("--model", help="group or deployment, or provider/model without a file")
    parser.add_argument("--system", metavar="TEXT", help="a system message before it")
    parser.add_argument("--policy", help="built-in policy for this call")
    parser.add_argument("--exclude", action="append", default=[], metavar="DEPLOYMENT")
    parser.add_argument("--deadline-ms", type=float, metavar="MS", help="over all attempts")
    parser.add_argument("--max-tokens", type=int, metavar="N")
    parser.add_argument("--temperature", type=float, metavar="T")
    looked_at = parser.add_argument_group("what rules look at")
    for name, what in (("metadata", "a label"), ("header", "of the call it comes with")):
        looked_at.add_argument(
            f"--{name}", action="append", default=[], type=_pair, metavar="NAME=VALUE", help=what
        )
    looked_at.add_argument(
        "--score", action="append", default=[], type=_score, metavar="NAME=NUMBER|WORD"
    )
    looked_at.add_argument("--tag", action="append", default=[], metavar="TAG")
    looked_at.add_argument("--region", help="the caller's")
    looked_at.add_argument("--priority", help="interactive, standard, batch, or 0 to 9")
    _add_json(parser)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _score(text: str) -> tuple[str, float | str]:
    name, value = _pair(text)
    try:
        return name, float(value)
    except ValueError:
        return name, value


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")
