"""``python -m llmroute`` is the command line."""

from llmroute.cli import main

raise SystemExit(main())
