"""Runs the test files that fit a pattern, and says how many tests passed in the words that dev/test counts."""

import sys
import unittest
from pathlib import Path


def main(pattern, *names):
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{name}*" for name in names] or None
    suite = loader.discover(str(Path(__file__).parent), pattern=pattern)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"# pass {result.testsRun - failed}\n# fail {failed}", flush=True)
    return 0 if result.wasSuccessful() and result.testsRun else 1


sys.exit(main(*sys.argv[1:]))
