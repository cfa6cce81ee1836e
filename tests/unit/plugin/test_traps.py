"""Every situation in which a run looks like proof and is none, run for real, alone and under pytest-xdist."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from workstream import errors

if TYPE_CHECKING:
    from tests.unit.plugin.conftest import Suite

# Name of the situation: what stands in the suite, and what must be said of its criterion.
SITUATIONS = {
    "proven": (
        """
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "failed in its call": (
        """
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42, "the answer is wrong"
        """,
        "failed",
    ),
    "returned what it should have asserted": (
        """
        def test(evidence):
            evidence.record("answer", 41)
            return 41 == 42
        """,
        "failed",
    ),
    "failed in its teardown": (
        """
        @pytest.fixture
        def guest():
            yield
            raise RuntimeError("the guest stays")

        def test(evidence, guest):
            evidence.record("answer", 42)
        """,
        "failed",
    ),
    "failed in its setup": (
        """
        @pytest.fixture
        def guest():
            raise RuntimeError("the guest does not come")

        def test(evidence, guest):
            evidence.record("answer", 42)
        """,
        "blocked",
    ),
    "skipped by a mark": (
        """
        @pytest.mark.skip(reason="no time")
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "skipped",
    ),
    "skipped in its setup": (
        """
        @pytest.fixture
        def guest():
            pytest.skip("no guest")

        def test(evidence, guest):
            evidence.record("answer", 42)
        """,
        "skipped",
    ),
    "skipped after recording": (
        """
        def test(evidence):
            evidence.record("answer", 42)
            pytest.skip("enough")
        """,
        "skipped",
    ),
    "expected to fail, and fails": (
        """
        @pytest.mark.xfail(reason="known")
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "expected to fail, and passes": (
        """
        @pytest.mark.xfail(reason="known", strict=False)
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "failed",
    ),
    "expected to fail strictly, and passes": (
        """
        @pytest.mark.xfail(reason="known", strict=True)
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "failed",
    ),
    "all subtests skipped": (
        """
        def test(evidence, subtests):
            evidence.record("answer", 42)
            for number in range(3):
                with subtests.test(number=number):
                    pytest.skip("no part")
        """,
        "skipped",
    ),
    "one subtest failed": (
        """
        def test(evidence, subtests):
            evidence.record("answer", 42)
            for number in range(3):
                with subtests.test(number=number):
                    assert number != 1
        """,
        "failed",
    ),
    "all subtests passed": (
        """
        def test(evidence, subtests):
            for number in range(3):
                with subtests.test(number=number):
                    evidence.record("number", number)
        """,
        "proven",
    ),
    "recorded nothing": (
        """
        def test(evidence):
            assert 42 == 42
        """,
        "unproven",
    ),
    "knows no evidence": (
        """
        def test():
            assert 42 == 42
        """,
        "unproven",
    ),
    "recorded what no log can hold": (
        """
        def test(evidence):
            evidence.record("answer", object())
        """,
        "failed",
    ),
    "recorded in its setup and its teardown": (
        """
        @pytest.fixture
        def guest(evidence):
            evidence.record("came", True)
            yield
            evidence.record("left", True)

        def test(guest):
            pass
        """,
        "unproven",
    ),
    "one of its parameters fails": (
        """
        @pytest.mark.parametrize("number", [1, 2])
        def test(evidence, number):
            evidence.record("number", number)
            assert number == 1
        """,
        "failed",
    ),
    "one of its parameters is skipped": (
        """
        @pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.skip(reason="no two"))])
        def test(evidence, number):
            evidence.record("number", number)
        """,
        "skipped",
    ),
    "in a group of pytest-xdist": (
        """
        @pytest.mark.xdist_group("together")
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "needs the cluster": (
        """
        @pytest.mark.criterion("WS-900", "needs the cluster", level="cluster")
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "unproven",
    ),
    "claims the cluster": (
        """
        @pytest.mark.criterion("WS-900", "claims the cluster")
        def test(evidence):
            evidence.record("answer", 42, level="cluster")
        """,
        "failed",
    ),
    "uses the cluster": (
        """
        @pytest.mark.criterion("WS-900", "uses the cluster", level="cluster")
        def test(evidence, cluster):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "uses the cluster, and recorded nearer to the desk": (
        """
        @pytest.mark.criterion("WS-900", "uses the cluster, and recorded nearer to the desk", level="cluster")
        def test(evidence, cluster):
            evidence.record("answer", 42, level="image")
        """,
        "unproven",
    ),
    "fails on the cluster": (
        """
        def test(evidence, cluster):
            evidence.record("answer", 42)
            assert False
        """,
        "failed",
    ),
    "uses something else called cluster": (
        """
        @pytest.fixture
        def cluster():
            return "not really"

        @pytest.mark.criterion("WS-900", "uses something else called cluster", level="cluster")
        def test(evidence, cluster):
            evidence.record("answer", 42)
        """,
        "unproven",
    ),
    "recorded by a fixture, around an empty function": (
        """
        @pytest.fixture(autouse=True)
        def guest(evidence):
            evidence.record("answer", 42)

        def test():
            pass
        """,
        "unproven",
    ),
    "waited in its own function": (
        """
        def test(evidence):
            for number in range(3):
                try:
                    assert number == 2
                except AssertionError:
                    continue
            evidence.record("number", number)
        """,
        "proven",
    ),
    "turned green in its report": (
        """
        @pytest.mark.forgiven
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "bears that mark, and passed by itself": (
        """
        @pytest.mark.forgiven
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "its exception was taken from its report": (
        """
        @pytest.mark.emptied
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "a part of it was turned green": (
        """
        @pytest.mark.forgiven
        def test(evidence, subtests):
            evidence.record("answer", 41)
            with subtests.test():
                assert 41 == 42
        """,
        "failed",
    ),
    "a hook swallows what its call raises": (
        """
        @pytest.mark.swallowed("call")
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "a hook swallows what its setup raises": (
        """
        @pytest.fixture(autouse=True)
        def guest():
            raise RuntimeError("the guest does not come")

        @pytest.mark.swallowed("setup")
        def test(request):
            pass
        """,
        "failed",
    ),
    "a hook swallows what its teardown raises": (
        """
        @pytest.fixture
        def guest():
            yield
            raise RuntimeError("the guest stays")

        @pytest.mark.swallowed("teardown")
        def test(evidence, guest):
            evidence.record("answer", 42)
        """,
        "failed",
    ),
    "a hook never calls it": (
        """
        @pytest.fixture(autouse=True)
        def guest(evidence):
            evidence.record("answer", 42)

        @pytest.mark.never_called
        def test(evidence):
            assert False
        """,
        "failed",
    ),
    "a hook calls it until it passes": (
        """
        count = []

        @pytest.mark.until_it_passes
        def test(evidence):
            count.append(1)
            evidence.record("count", len(count))
            assert len(count) > 1
        """,
        "flaky",
    ),
    "its function was replaced by a forgiving one": (
        """
        @pytest.mark.replaced
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "its function was exchanged while it was collected": (
        """
        @pytest.mark.criterion("WS-900", "its function was exchanged while it was collected")
        @pytest.mark.exchanged
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "the code of its function was exchanged": (
        """
        @pytest.mark.criterion("WS-900", "the code of its function was exchanged")
        @pytest.mark.recoded
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "its decorator runs it again": (
        """
        import tenacity

        count = []

        @tenacity.retry(stop=tenacity.stop_after_attempt(3))
        def test(evidence):
            count.append(1)
            evidence.record("count", len(count))
            assert len(count) > 1
        """,
        "flaky",
    ),
    "its decorator runs it once": (
        """
        import tenacity

        @tenacity.retry(stop=tenacity.stop_after_attempt(3))
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "its decorator swallows what it raises": (
        """
        import functools

        def forgiving(function):
            @functools.wraps(function)
            def called(*arguments, **named):
                try:
                    function(*arguments, **named)
                except AssertionError:
                    pass
            return called

        @forgiving
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "a protocol of the suite's own logs only its last attempt": (
        """
        count = []

        @pytest.mark.retried
        def test(evidence):
            count.append(1)
            evidence.record("count", len(count))
            assert len(count) > 1
        """,
        "flaky",
    ),
    "a protocol of the suite's own runs copies of it until one passes": (
        """
        count = []

        @pytest.mark.copied
        def test(evidence):
            count.append(1)
            evidence.record("count", len(count))
            assert len(count) > 1
        """,
        "flaky",
    ),
    "a protocol of the suite's own runs it once": (
        """
        @pytest.mark.retried
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "returned, with warnings switched off": (
        """
        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            import warnings
            warnings.simplefilter("ignore")
            evidence.record("answer", 41)
            return 41 == 42
        """,
        "failed",
    ),
    "returned in a class of unittest": (
        """
        import unittest

        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def guest(self, evidence):
                self.evidence = evidence

            def test(self):
                self.evidence.record("answer", 41)
                return 41 == 42
        """,
        "failed",
    ),
    "in a class of unittest": (
        """
        import unittest

        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def guest(self, evidence):
                self.evidence = evidence

            def test(self):
                self.evidence.record("answer", 42)
                for number in range(3):
                    with self.subTest(number=number):
                        self.assertLess(number, 3)
        """,
        "proven",
    ),
    "turned green in a class of unittest": (
        """
        import unittest

        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def guest(self, evidence):
                self.evidence = evidence

            @pytest.mark.forgiven
            def test(self):
                self.evidence.record("answer", 41)
                self.assertEqual(41, 42)
        """,
        "failed",
    ),
    "a coroutine in a class of unittest that awaits none": (
        """
        import unittest

        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def guest(self, evidence):
                evidence.record("answer", 42)

            async def test(self):
                assert False
        """,
        "failed",
    ),
    "a coroutine in a class of unittest that awaits it": (
        """
        import unittest

        class TestIt(unittest.IsolatedAsyncioTestCase):
            @pytest.fixture(autouse=True)
            def guest(self, evidence):
                self.evidence = evidence

            async def test(self):
                self.evidence.record("answer", 42)
        """,
        "proven",
    ),
    "a coroutine that a plugin awaits": (
        """
        @pytest.mark.asyncio
        async def test(evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "a coroutine that a plugin awaits, and that fails": (
        """
        @pytest.mark.asyncio
        @pytest.mark.forgiven
        async def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "a coroutine that nobody awaits": (
        """
        async def test(evidence):
            evidence.record("answer", 42)
        """,
        "failed",
    ),
    "awaits no check of its own": (
        """
        async def check():
            assert False

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            evidence.record("answer", 42)
            check()
        """,
        "failed",
    ),
    "does not look at a task of its own": (
        """
        import asyncio

        async def check():
            assert False

        @pytest.mark.asyncio
        async def test(evidence):
            evidence.record("answer", 42)
            asyncio.create_task(check())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        """,
        "failed",
    ),
    "an assertion was lost in a thread": (
        """
        import threading

        def check():
            assert 41 == 42

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            evidence.record("answer", 42)
            thread = threading.Thread(target=check)
            thread.start()
            thread.join()
        """,
        "failed",
    ),
    "a thread asserts only after the run": (
        """
        import threading
        import time

        def check():
            time.sleep(86400)
            assert 41 == 42

        def test(evidence):
            evidence.record("answer", 42)
            threading.Thread(target=check, daemon=True).start()
        """,
        "failed",
    ),
    "a thread asserts after its test, and in time": (
        """
        import threading
        import time

        def check(kept):
            time.sleep(0.3)
            kept.append(42)
            assert kept == [42]

        def test(evidence):
            evidence.record("answer", 42)
            threading.Thread(target=check, args=[[]]).start()
        """,
        "proven",
    ),
    "a timer asserts only after the run": (
        """
        import threading

        def check():
            pytest.fail("it is 41")

        def test(evidence):
            evidence.record("answer", 42)
            timer = threading.Timer(86400, check)
            timer.daemon = True
            timer.start()
        """,
        "failed",
    ),
    "a server of its own goes on after the run": (
        """
        import threading

        def serve():
            while True:
                threading.Event().wait()

        def test(evidence):
            evidence.record("answer", 42)
            threading.Thread(target=serve, daemon=True).start()
        """,
        "proven",
    ),
    "a process asserts only after the run": (
        """
        import multiprocessing
        import time

        def check():
            time.sleep(86400)
            assert 41 == 42

        def test(evidence):
            evidence.record("answer", 42)
            multiprocessing.get_context("fork").Process(target=check, daemon=True).start()
        """,
        "failed",
    ),
    "a process serves until the run is over": (
        """
        import multiprocessing
        import time

        def serve():
            time.sleep(86400)

        def test(evidence):
            evidence.record("answer", 42)
            multiprocessing.get_context("fork").Process(target=serve, daemon=True).start()
        """,
        "proven",
    ),
    "a task was to assert later than its loop": (
        """
        import asyncio

        async def check():
            await asyncio.sleep(600)
            assert 41 == 42

        async def begin():
            asyncio.create_task(check())

        def test(evidence):
            evidence.record("answer", 42)
            asyncio.run(begin())
        """,
        "failed",
    ),
    "a task was to assert later than its test": (
        """
        import asyncio

        async def check():
            await asyncio.sleep(600)
            assert 41 == 42

        @pytest.mark.asyncio
        async def test(evidence):
            evidence.record("answer", 42)
            asyncio.create_task(check())
        """,
        "failed",
    ),
    "a task serves until its loop ends": (
        """
        import asyncio

        async def serve():
            await asyncio.sleep(600)

        @pytest.mark.asyncio
        async def test(evidence):
            evidence.record("answer", 42)
            asyncio.create_task(serve())
            await asyncio.sleep(0)
        """,
        "proven",
    ),
    "asserts what a thread found": (
        """
        import threading

        def test(evidence):
            found = []
            thread = threading.Thread(target=lambda: found.append(42))
            thread.start()
            thread.join()
            evidence.record("found", found)
            assert found == [42]
        """,
        "proven",
    ),
    "with many examples of hypothesis": (
        """
        from hypothesis import HealthCheck, given, settings, strategies

        @settings(suppress_health_check=list(HealthCheck), database=None, max_examples=5)
        @given(number=strategies.integers())
        def test(evidence, number):
            evidence.record("number", str(number))
            assert number == number
        """,
        "proven",
    ),
    "an example of hypothesis is tried until it passes": (
        """
        import tenacity
        from hypothesis import HealthCheck, given, settings, strategies

        tries = []

        @settings(suppress_health_check=list(HealthCheck), database=None, max_examples=5)
        @given(number=strategies.integers())
        @tenacity.retry(stop=tenacity.stop_after_attempt(2), retry=tenacity.retry_if_exception_type(AssertionError))
        def test(evidence, number):
            tries.append(number)
            evidence.record("number", str(number))
            assert len(tries) > 1
        """,
        "failed",
    ),
    "examples of hypothesis below a decorator": (
        """
        import functools
        from hypothesis import HealthCheck, given, settings, strategies

        def decorated(function):
            @functools.wraps(function)
            def called(**named):
                return function(**named)
            return called

        @settings(suppress_health_check=list(HealthCheck), database=None, max_examples=5)
        @given(number=strategies.integers())
        @decorated
        def test(evidence, number):
            evidence.record("number", str(number))
            assert number == number
        """,
        "proven",
    ),
    "a thread whose exceptions nobody is told": (
        """
        import threading

        def check():
            assert False, "lost"

        def test(evidence, monkeypatch):
            monkeypatch.setattr(threading, "excepthook", lambda _: None)
            evidence.record("answer", 42)
            thread = threading.Thread(target=check)
            thread.start()
            thread.join()
        """,
        "failed",
    ),
    "a thread whose exceptions the test is told": (
        """
        import threading

        def work():
            raise OSError("lost")

        def test(evidence, monkeypatch):
            told = []
            monkeypatch.setattr(threading, "excepthook", lambda arguments: told.append(arguments.exc_type))
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            evidence.record("told", [one.__name__ for one in told])
            assert told == [OSError]
        """,
        "proven",
    ),
    "a check that Python is to call when it ends": (
        """
        import atexit

        def check():
            assert True

        def test(evidence):
            evidence.record("answer", 42)
            atexit.register(check)
            atexit.unregister(check)
        """,
        "failed",
    ),
    "what Python is to call when it ends": (
        """
        import atexit

        def clean():
            pass

        def test(evidence):
            evidence.record("answer", 42)
            atexit.register(clean)
            atexit.unregister(clean)
        """,
        "proven",
    ),
    "a coroutine that somebody holds": (
        """
        held = []

        async def check():
            assert False, "lost"

        def test(evidence):
            evidence.record("answer", 42)
            held.append(check())

        def teardown_module():
            held.pop().close()
        """,
        "failed",
    ),
    "a coroutine that is closed": (
        """
        async def check():
            assert False, "lost"

        def test(evidence):
            coroutine = check()
            evidence.record("name", coroutine.__name__)
            coroutine.close()
            assert coroutine.__name__ == "check"
        """,
        "proven",
    ),
    "an example of hypothesis fails": (
        """
        from hypothesis import HealthCheck, given, settings, strategies

        @pytest.mark.forgiven
        @settings(suppress_health_check=list(HealthCheck), database=None)
        @given(number=strategies.integers())
        def test(evidence, number):
            evidence.record("number", str(number))
            assert number < 10
        """,
        "failed",
    ),
    "records with what another test was given": (
        """
        kept = []

        @pytest.fixture(autouse=True)
        def keep(request, evidence):
            kept.append(evidence)

        def test_first(evidence):
            evidence.record("answer", 42)

        def test_second():
            kept[0].record("answer", 42)
        """,
        "failed",
    ),
    "asks for the cluster while it runs": (
        """
        @pytest.mark.criterion("WS-900", "asks for the cluster while it runs", level="cluster")
        def test(request, evidence):
            request.getfixturevalue("cluster")
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "a fixture asks for the cluster, once for two tests": (
        """
        del pytestmark
        pytestmark = pytest.mark.criterion(
            "WS-900", "a fixture asks for the cluster, once for two tests", level="cluster"
        )

        @pytest.fixture(scope="module")
        def product(request):
            return request.getfixturevalue("cluster")

        def test_first(product, evidence):
            evidence.record("answer", 42)

        def test_second(product, evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "a fixture of the suite's own wraps the cluster": (
        """
        @pytest.fixture
        def cluster(cluster):
            return [cluster]

        @pytest.mark.criterion("WS-900", "a fixture of the suite's own wraps the cluster", level="cluster")
        def test(cluster, evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "asks for less than its criterion takes": (
        """
        @pytest.mark.criterion("WS-900", "asks for less than its criterion takes", level="static")
        @pytest.mark.criterion("WS-900", "asks for less than its criterion takes", level="image")
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "unproven",
    ),
    "nobody asks what became of its checks": (
        """
        from concurrent.futures import ThreadPoolExecutor

        def check(number):
            assert number != 2

        def test(evidence):
            evidence.record("answer", 42)
            with ThreadPoolExecutor() as pool:
                pool.map(check, range(3))
        """,
        "failed",
    ),
    "asks what became of its checks": (
        """
        from concurrent.futures import ThreadPoolExecutor

        def check(number):
            assert number != 3
            return number

        def test(evidence):
            with ThreadPoolExecutor() as pool:
                found = list(pool.map(check, range(3)))
                with pytest.raises(AssertionError):
                    pool.submit(check, 3).result()
            evidence.record("found", found)
        """,
        "proven",
    ),
    "loses a task, and nobody is to hear of it": (
        """
        import asyncio
        import logging

        async def check(kept):
            kept.append(asyncio.current_task())
            assert False

        @pytest.mark.asyncio
        async def test(evidence):
            evidence.record("answer", 42)
            logging.getLogger("asyncio").disabled = True
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            kept = []
            await asyncio.wait([asyncio.create_task(check(kept))])
            logging.getLogger("asyncio").disabled = False
        """,
        "failed",
    ),
    "made by functools.partial": (
        """
        import functools

        def check(evidence, number):
            evidence.record("number", number)
            assert number == 42

        test = functools.partial(check, number=41)
        """,
        "failed",
    ),
    "closes over names of all kinds": (
        """
        def made(arguments, named, original):
            def test(evidence):
                evidence.record("found", [arguments, named, original])
            return test

        test = made(1, 2, 3)
        """,
        "proven",
    ),
    "asks for its own signature": (
        """
        import inspect

        def test(request, evidence):
            evidence.record("names", list(inspect.signature(request.function).parameters))
            assert list(inspect.signature(request.function).parameters) == ["request", "evidence"]
        """,
        "proven",
    ),
    "a decorator that hides it swallows what it raises": (
        """
        def forgiving(function):
            def called(evidence):
                try:
                    function(evidence)
                except AssertionError:
                    pass
            return called

        @forgiving
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "a decorator that hides it runs it until it passes": (
        """
        runs = []

        def until_it_passes(function):
            def called(evidence):
                while True:
                    try:
                        return function(evidence)
                    except AssertionError:
                        continue
            return called

        @until_it_passes
        def test(evidence):
            runs.append(1)
            evidence.record("runs", len(runs))
            assert len(runs) == 2
        """,
        "flaky",
    ),
    "a decorator that hides it runs it once": (
        """
        def told(function):
            def called(evidence):
                print("it runs")
                function(evidence)
            return called

        @told
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "calls a check that it was made with": (
        """
        def made(check):
            def test(evidence):
                for number in range(3):
                    check(evidence, number)
            return test

        def check(evidence, number):
            evidence.record("number", number)

        test = made(check)
        """,
        "proven",
    ),
    "an assertion was lost at the end of an object": (
        """
        class Guest:
            def __del__(self):
                assert 41 == 42

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            evidence.record("answer", 42)
            Guest()
        """,
        "failed",
    ),
    "an object ends without an error": (
        """
        class Guest:
            def __del__(self):
                assert 42 == 42

        def test(evidence):
            evidence.record("answer", 42)
            Guest()
        """,
        "proven",
    ),
    "nobody asks a pool what became of its checks": (
        """
        from multiprocessing.pool import ThreadPool

        def check(number):
            assert number != 2

        def test(evidence):
            evidence.record("answer", 42)
            with ThreadPool(2) as pool:
                pool.map_async(check, range(3)).wait()
        """,
        "failed",
    ),
    "nobody takes the results of a pool": (
        """
        from multiprocessing.pool import ThreadPool

        def check(number):
            assert number != 2

        def test(evidence):
            evidence.record("answer", 42)
            pool = ThreadPool(2)
            pool.imap(check, range(3))
            pool.close()
            pool.join()
        """,
        "failed",
    ),
    "asks a pool what became of its checks": (
        """
        from multiprocessing.pool import ThreadPool

        def check(number):
            assert number != 3
            return number

        def test(evidence):
            with ThreadPool(2) as pool:
                found = [*pool.map(check, range(3)), *pool.imap(check, range(3))]
                with pytest.raises(AssertionError):
                    pool.apply_async(check, (3,)).get()
            evidence.record("found", found)
        """,
        "proven",
    ),
    "nobody asks what became of a process": (
        """
        import multiprocessing

        def check():
            assert 41 == 42

        def test(evidence):
            evidence.record("answer", 42)
            process = multiprocessing.get_context("fork").Process(target=check)
            process.start()
            process.join()
        """,
        "failed",
    ),
    "asks what became of a process": (
        """
        import multiprocessing
        import time

        def check():
            assert 41 == 42

        def test(evidence):
            context = multiprocessing.get_context("fork")
            processes = [context.Process(target=check), context.Process(target=time.sleep, args=(3600,))]
            for process in processes:
                process.start()
            processes[1].terminate()
            for process in processes:
                process.join()
            codes = [process.exitcode for process in processes]
            evidence.record("codes", codes)
            assert codes == [1, -15]
        """,
        "proven",
    ),
    "a forked process leaves it with an exception": (
        """
        import os

        def test(evidence):
            evidence.record("answer", 42)
            child = os.fork()
            assert child != 0, "the child's own"
            os.waitpid(child, 0)
        """,
        "failed",
    ),
    "asks what became of a forked process": (
        """
        import os
        import sys

        def test(evidence):
            child = os.fork()
            if child == 0:
                sys.exit(3)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            evidence.record("code", code)
            assert code == 3
        """,
        "proven",
    ),
    "an assertion was lost in a callback": (
        """
        from concurrent.futures import ThreadPoolExecutor

        def check(future):
            assert future.result() == 41

        def test(evidence):
            evidence.record("answer", 42)
            with ThreadPoolExecutor() as pool:
                pool.submit(lambda: 42).add_done_callback(check)
        """,
        "failed",
    ),
    "a callback asserts what holds": (
        """
        from concurrent.futures import ThreadPoolExecutor

        def check(future):
            assert future.result() == 42

        def test(evidence):
            evidence.record("answer", 42)
            with ThreadPoolExecutor() as pool:
                pool.submit(lambda: 42).add_done_callback(check)
        """,
        "proven",
    ),
    "an assertion was lost in a server": (
        """
        import socketserver, socket

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                assert self.request.recv(5) == b"other"

        def test(evidence):
            evidence.record("answer", 42)
            with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
                server.daemon_threads = False
                with socket.create_connection(server.server_address) as client:
                    client.sendall(b"hello")
                    server.handle_request()
        """,
        "failed",
    ),
    "a server asserts what holds": (
        """
        import socketserver, socket

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                assert self.request.recv(5) == b"hello"

        def test(evidence):
            evidence.record("answer", 42)
            with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
                server.daemon_threads = False
                with socket.create_connection(server.server_address) as client:
                    client.sendall(b"hello")
                    server.handle_request()
        """,
        "proven",
    ),
    "a check in a thread of its own comes to nothing": (
        """
        import threading

        def check(answer):
            assert answer["status"] == "good"

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            evidence.record("answer", 42)
            thread = threading.Thread(target=check, args=[{}])
            thread.start()
            thread.join()
        """,
        "failed",
    ),
    "a thread of its own fails before it has found anything": (
        """
        import threading

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            found = []
            thread = threading.Thread(target=lambda: found.append(open("is-not-there").read()))
            thread.start()
            thread.join()
            evidence.record("answers", found)
            assert all(one == "good" for one in found)
        """,
        "failed",
    ),
    "a thread of its setup fails": (
        """
        import threading

        def check():
            assert 41 == 42

        @pytest.fixture
        def guest():
            thread = threading.Thread(target=check)
            thread.start()
            thread.join()

        @pytest.mark.filterwarnings("ignore")
        def test(evidence, guest):
            evidence.record("answer", 42)
        """,
        "failed",
    ),
    "a thread that asks whether somebody is there finds nobody": (
        """
        import socket, threading, urllib.request

        def ask(port):
            while True:
                assert urllib.request.urlopen(f"http://127.0.0.1:{port}").status == 200

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            evidence.record("answer", 42)
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                thread = threading.Thread(target=ask, args=[taken.getsockname()[1]], daemon=True)
                thread.start()
                thread.join()
        """,
        "failed",
    ),
    "a thread that waits for somebody waits in vain": (
        """
        import socket, threading

        def serve(server):
            server.settimeout(0.01)
            client, _ = server.accept()
            assert client.recv(5) == b"hello"

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            evidence.record("answer", 42)
            with socket.create_server(("127.0.0.1", 0)) as server:
                thread = threading.Thread(target=serve, args=[server], daemon=True)
                thread.start()
                thread.join()
        """,
        "proven",
    ),
    "an assertion was only logged": (
        """
        import logging, sys

        def served(handler):  # as a server does that answers 500
            try:
                handler()
            except Exception:
                logger = logging.getLogger("server")
                error = sys.exc_info()
                logger.handle(logger.makeRecord("server", logging.ERROR, "/server.py", 1, "error", (), error))

        def handler():
            assert 41 == 42

        def test(evidence):
            evidence.record("answer", 42)
            served(handler)
        """,
        "failed",
    ),
    "logs itself what it asks again": (
        """
        import logging

        class Quiet(logging.Handler):
            emit = print

        def test(evidence, monkeypatch):
            monkeypatch.setattr(logging.root, "handlers", [Quiet()])
            logging.root.handle(logging.makeLogRecord({"exc_info": 1, "levelno": logging.ERROR}))
            for answer in (41, 42):
                try:
                    assert answer == 42
                except AssertionError:
                    logging.exception("not yet")
            evidence.record("answer", answer)
        """,
        "proven",
    ),
    "an assertion was lost in a handler of logging": (
        """
        import logging

        class Checking(logging.Handler):
            def emit(self, record):
                try:
                    assert record.getMessage() == "42"
                except Exception:
                    self.handleError(record)

        def test(evidence):
            evidence.record("answer", 42)
            Checking().handle(logging.makeLogRecord({"msg": "41"}))
        """,
        "failed",
    ),
    "a pool's result fails when its test is over": (
        """
        import threading
        from multiprocessing.pool import ThreadPool

        ended = threading.Event()

        def check():
            ended.wait()
            assert 41 == 42

        @pytest.fixture(scope="session")
        def pool():
            with ThreadPool(1) as pool:
                yield pool
                ended.set()
                pool.close()
                pool.join()

        def test(evidence, pool):
            evidence.record("answer", 42)
            pool.apply_async(check)
        """,
        "failed",
    ),
    "a thread of its own says that it failed": (
        """
        import threading

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            evidence.record("answer", 42)
            thread = threading.Thread(target=lambda: pytest.fail("it is 41"))
            thread.start()
            thread.join()
        """,
        "failed",
    ),
    "a thread of its own exits with a complaint": (
        """
        import sys
        import threading

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            evidence.record("answer", 42)
            thread = threading.Thread(target=lambda: sys.exit(["it is 41"]))
            thread.start()
            thread.join()
        """,
        "failed",
    ),
    "a thread of its own exits": (
        """
        import sys
        import threading

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            evidence.record("answer", 42)
            thread = threading.Thread(target=sys.exit)
            thread.start()
            thread.join()
        """,
        "proven",
    ),
    "a thread of a thread asserts when its test is over": (
        """
        import threading

        def check():
            assert 41 == 42

        @pytest.fixture
        def ended():
            ended, threads = threading.Event(), []
            yield ended, threads
            ended.set()
            for thread in threads:
                thread.join()

        def begin(ended, threads):
            ended.wait()
            threads.append(threading.Thread(target=check))
            threads[-1].start()

        @pytest.mark.filterwarnings("ignore")
        def test(evidence, ended):
            evidence.record("answer", 42)
            ended[1].append(threading.Thread(target=begin, args=ended))
            ended[1][0].start()
        """,
        "failed",
    ),
    "a server of its own ends with its socket": (
        """
        import socket
        import threading

        def serve(listener):
            while True:
                listener.accept()[0].close()

        @pytest.mark.filterwarnings("ignore")
        def test(evidence):
            with socket.create_server(("127.0.0.1", 0)) as listener:
                thread = threading.Thread(target=serve, args=[listener], daemon=True)
                thread.start()
                with socket.create_connection(listener.getsockname()) as client:
                    evidence.record("what it answers", client.recv(1).decode())
                listener.shutdown(socket.SHUT_RDWR)
                thread.join()
        """,
        "proven",
    ),
    "holds a task of its own that fails": (
        """
        import asyncio

        TASKS = set()

        async def check():
            assert 41 == 42

        async def work():
            TASKS.add(asyncio.create_task(check()))
            await asyncio.sleep(0.01)

        def test(evidence):
            evidence.record("answer", 42)
            asyncio.run(work())
        """,
        "failed",
    ),
    "asks a task that it holds how it failed": (
        """
        import asyncio

        TASKS = set()

        async def check():
            assert 41 == 42

        async def work():
            TASKS.add(asyncio.create_task(check()))
            await asyncio.wait(TASKS)
            return [str(task.exception()) for task in TASKS]

        def test(evidence):
            (said,) = asyncio.run(work())
            evidence.record("what it said", said)
            assert "41 == 42" in said
        """,
        "proven",
    ),
    "a future's callback says that it failed": (
        """
        from concurrent.futures import ThreadPoolExecutor

        def test(evidence):
            evidence.record("answer", 42)
            with ThreadPoolExecutor() as pool:
                pool.submit(lambda: 41).add_done_callback(lambda future: pytest.fail("it is 41"))
        """,
        "failed",
    ),
    "a check in a server comes to nothing": (
        """
        import socketserver, socket

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                assert {"status": "good"}[self.request.recv(5).decode()] == "good"

        def test(evidence):
            evidence.record("answer", 42)
            with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
                with socket.create_connection(server.server_address) as client:
                    client.sendall(b"hello")
                    server.handle_request()
        """,
        "failed",
    ),
    "somebody hangs up on a server that asserts": (
        """
        import socketserver, socket

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                if self.request.recv(5) == b"hello":
                    raise ConnectionResetError("it hung up")
                assert 41 == 42

        def test(evidence):
            evidence.record("answer", 42)
            with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
                with socket.create_connection(server.server_address) as client:
                    client.sendall(b"hello")
                    server.handle_request()
        """,
        "proven",
    ),
    "a check fails when its function has ended": (
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor

        @pytest.fixture
        def pool():
            with ThreadPoolExecutor() as pool:
                pool.ended = threading.Event()
                yield pool
                pool.ended.set()

        def check(ended):
            ended.wait()
            assert 41 == 42

        def test(evidence, pool):
            evidence.record("answer", 42)
            pool.submit(check, pool.ended)
        """,
        "failed",
    ),
    "a fixture asks for a check that fails when its function has ended": (
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor

        @pytest.fixture
        def pool():
            with ThreadPoolExecutor() as pool:
                pool.ended, pool.future = threading.Event(), None
                yield pool
                pool.ended.set()
                assert "41 == 42" in str(pool.future.exception())

        def check(ended):
            ended.wait()
            assert 41 == 42

        def test(evidence, pool):
            evidence.record("answer", 42)
            pool.future = pool.submit(check, pool.ended)
        """,
        "proven",
    ),
}

# What suites do to tests, or to what is reported of them; each to those that bear its mark.
HOOKS = """

def forgiving(function):
    def called(*arguments, **named):
        try:
            function(*arguments, **named)
        except AssertionError:
            pass
    return called


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("replaced"):
            item.obj = forgiving(item.obj)


def easy(evidence):
    evidence.record("answer", 42)


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item):
    if item.get_closest_marker("exchanged"):
        item.obj = easy


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    if item.get_closest_marker("emptied"):
        call.excinfo = None
    report = yield
    if item.get_closest_marker("forgiven"):
        report.outcome = "passed"
    return report


def swallowing(when):
    @pytest.hookimpl(wrapper=True)
    def hook(item):
        try:
            return (yield)
        except Exception:
            if when not in [name for mark in item.iter_markers("swallowed") for name in mark.args]:
                raise
    return hook


pytest_runtest_setup = swallowing("setup")
pytest_runtest_call = swallowing("call")
pytest_runtest_teardown = swallowing("teardown")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if pyfuncitem.get_closest_marker("never_called"):
        return True
    if pyfuncitem.get_closest_marker("until_it_passes"):
        names = pyfuncitem._fixtureinfo.argnames
        for _ in range(3):
            try:
                pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
                break
            except AssertionError:
                continue
        return True


def pytest_runtest_protocol(item, nextitem):
    if item.get_closest_marker("recoded"):
        item.function.__code__ = easy.__code__
    if not item.get_closest_marker("retried") and not item.get_closest_marker("copied"):
        return None
    from _pytest.runner import runtestprotocol
    for _ in range(3):
        if item.get_closest_marker("copied"):
            item = pytest.Function.from_parent(item.parent, name=item.name, callobj=item.obj)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if all(report.passed for report in reports):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""

ALONE_AND_DISTRIBUTED = pytest.mark.parametrize(
    "distributed", [(), ("-n1", "--dist=loadgroup")], ids=["alone", "xdist"]
)
DYING = """
    import os

    def test(evidence):
        evidence.record("answer", 42)
        os._exit(1)
"""
DYING_ONCE = """
    import os
    from pathlib import Path

    def test(evidence):
        evidence.record("answer", 42)
        if not Path(__file__ + ".ran").exists():
            Path(__file__ + ".ran").touch()
            os._exit(1)
"""
FLAKY = """
    from pathlib import Path

    def test(evidence):
        first = not Path(__file__ + ".ran").exists()
        Path(__file__ + ".ran").touch()
        evidence.record("first", first)
        assert not first
"""
FLAKY_IN_SETUP = """
    from pathlib import Path

    @pytest.fixture
    def guest():
        first = not Path(__file__ + ".ran").exists()
        Path(__file__ + ".ran").touch()
        assert not first

    def test(evidence, guest):
        evidence.record("answer", 42)
"""


@ALONE_AND_DISTRIBUTED
def test_only_what_was_proven_is_ticked(suite: Suite, distributed: tuple[str, ...]) -> None:
    """Each situation gets its own verdict, with and without pytest-xdist, and the run is red."""
    suite.write({text: source for text, (source, _) in SITUATIONS.items()})
    with (suite.path / "conftest.py").open("a") as file:
        file.write(HOOKS)
    with (suite.path / "pytest.ini").open("a") as file:
        file.write("asyncio_default_fixture_loop_scope = function\n")
    result = suite.run(*distributed, without=())
    assert suite.states() == {text: state for text, (_, state) in SITUATIONS.items()}
    assert not suite.log().cut
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}


# Each is used by the test of "one", and not by that of "two", which runs last.
SHARED = {
    "a fixture of the session": """
        @pytest.fixture(scope="session")
        def server():
            complaints = []
            yield complaints
            assert not complaints, "the server complained"

        def test(server, evidence):
            evidence.record("answer", 42)
            server.extend(COMPLAINTS)
    """,
    "a fixture of a module that another one rests on": """
        @pytest.fixture(scope="session")
        def server():
            complaints = []
            yield complaints
            assert not complaints, "the server complained"

        @pytest.fixture(scope="module")
        def client(server):
            return server

        def test(client, evidence):
            evidence.record("answer", 42)
            client.extend(COMPLAINTS)
    """,
    "the teardown of a class": """
        del pytestmark

        class Test:
            complaints = []

            @classmethod
            def teardown_class(cls):
                assert not cls.complaints, "the server complained"

            @pytest.mark.criterion("WS-900", "one")
            def test(self, evidence):
                evidence.record("answer", 42)
                self.complaints.extend(COMPLAINTS)

            @pytest.mark.criterion("WS-900", "two")
            def test_other(self, evidence):
                evidence.record("answer", 42)
    """,
    "the teardown of a class of unittest": """
        import unittest

        del pytestmark

        class Test(unittest.TestCase):
            complaints = []

            @pytest.fixture(autouse=True)
            def recorder(self, evidence):
                self.evidence = evidence

            @classmethod
            def tearDownClass(cls):
                assert not cls.complaints, "the server complained"

            @pytest.mark.criterion("WS-900", "one")
            def test(self):
                self.evidence.record("answer", 42)
                self.complaints.extend(COMPLAINTS)

            @pytest.mark.criterion("WS-900", "two")
            def test_other(self):
                self.evidence.record("answer", 42)
    """,
}


@pytest.mark.parametrize("complaints", ["['lost a message']", "[]"])
@pytest.mark.parametrize("how", SHARED)
def test_what_a_fixture_of_several_tests_finds_out_at_its_end_is_of_each_that_used_it(
    suite: Suite, how: str, complaints: str
) -> None:
    """Whoever happens to run last."""
    suite.write({"one": SHARED[how].replace("COMPLAINTS", complaints), "two": suite.PROVING})
    suite.run()

    assert suite.states()["one"] == ("proven" if complaints == "[]" else "failed")


BEGINNING = """
import threading

other, threads = threading.Event(), []


def check():
    other.wait(60)
    assert 41 == 42


@pytest.mark.filterwarnings("ignore")
@pytest.mark.criterion("WS-900", "begins")
def test_begins(evidence):
    evidence.record("answer", 42)
    threads.append(threading.Thread(target=check))
    threads[0].start()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.criterion("WS-900", "goes on")
def test_goes_on(evidence):
    evidence.record("answer", 42)
    other.set()
    threads[0].join()
"""


def test_what_a_thread_finds_out_while_another_test_runs_is_of_the_one_that_began_it(suite: Suite) -> None:
    """It belongs to the test whose word it takes back."""
    suite.write({"begins": "", "goes on": ""})
    (suite.path / "test_00.py").write_text(f"import pytest\n{BEGINNING}")
    suite.run()
    assert suite.states() == {"begins": "failed", "goes on": "proven"}


LATE = """
import pathlib
import threading
import time

def check():
    while not pathlib.Path("over").exists():
        time.sleep(0.01)
    assert 41 == 42

def test(evidence):
    evidence.record("answer", 42)
    threading.Thread(target=check, name="late", daemon=True).start()
"""


def test_what_a_thread_finds_out_behind_the_run_harms_nobody(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs pytest in a process that goes on hears of the assertion alone: the log is closed."""
    heard: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: heard.append(arguments.exc_type))
    suite.write({"one": LATE})
    suite.run()
    (late,) = [thread for thread in threading.enumerate() if thread.name == "late"]
    (suite.path / "over").touch()
    late.join(60)
    assert (suite.states(), heard) == ({"one": "failed"}, [AssertionError])


def test_what_a_fixture_finds_out_after_the_last_test_is_of_each_that_used_it(suite: Suite) -> None:
    """With -x the fixtures of the session end only when it does."""
    failing = "def test(evidence):\n    evidence.record('answer', 41)\n    assert False\n"
    shared = SHARED["a fixture of the session"].replace("COMPLAINTS", "[1]")
    suite.write({"one": shared, "two": failing, "three": suite.PROVING})
    suite.run("-x")

    assert suite.states()["one"] == "failed"


@pytest.mark.parametrize("distributed", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_run_that_proves_everything_is_green(suite: Suite, distributed: tuple[str, ...]) -> None:
    """A run that proves every criterion ends with exit code 0."""
    suite.write({"one": suite.PROVING, "two": suite.PROVING})
    result = suite.run(*distributed)
    assert suite.states() == {"one": "proven", "two": "proven"}
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["All 2 criteria are proven."])


def test_a_criterion_without_a_test_keeps_a_run_from_being_green(suite: Suite) -> None:
    """Every test passes, one criterion has none: the run is red."""
    suite.write({"one": suite.PROVING, "two": ""})
    result = suite.run()
    assert suite.states() == {"one": "proven", "two": "uncovered"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@ALONE_AND_DISTRIBUTED
def test_what_is_deselected_was_not_run(suite: Suite, distributed: tuple[str, ...]) -> None:
    """A criterion is not run if one of its tests is deselected, even though another one passes."""
    suite.write({"one": suite.PROVING, "two": f"{suite.PROVING}\n{suite.PROVING.replace('test', 'test_more')}"})
    result = suite.run("-k", "not test_more", *distributed)
    assert suite.states() == {"one": "proven", "two": "not-run"}
    assert result.ret == errors.PartialRunError.exit_code


def test_parts_of_a_test_are_told_by_their_names(suite: Suite) -> None:
    """Every subtest is an outcome of its own, beside that of the test around it."""
    source = """
        def test(evidence, subtests):
            evidence.record("answer", 42)
            with subtests.test("first"):
                pass
            with subtests.test("second", number=2):
                assert False
            with subtests.test():
                pass
    """
    suite.write({"one": source})
    suite.run()
    calls = [(one.subtest, str(one.result)) for one in suite.log().outcomes if one.when == "call"]
    assert calls[:3] == [("first", "passed"), ("second number=2", "failed"), ("subtest", "passed")]
    assert [subtest for subtest, _ in calls[3:]] == [""]


def test_what_comes_after_the_first_failure_was_not_run(suite: Suite) -> None:
    """With -x, what stands after the first failure is not run."""
    suite.write({"failing": SITUATIONS["failed in its call"][0], "one": suite.PROVING})
    suite.run("-x")
    assert suite.states() == {"failing": "failed", "one": "not-run"}


@ALONE_AND_DISTRIBUTED
def test_what_passes_on_a_retry_is_flaky(suite: Suite, distributed: tuple[str, ...]) -> None:
    """A test that fails, is run again and passes proves nothing; one that keeps failing has failed."""
    failing = SITUATIONS["failed in its call"][0]
    suite.write({"flaky": FLAKY, "flaky in its setup": FLAKY_IN_SETUP, "failing": failing, "one": suite.PROVING})
    result = suite.run("--reruns=2", *distributed)
    assert suite.states() == {"flaky": "flaky", "flaky in its setup": "flaky", "failing": "failed", "one": "proven"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    seen = [(one.attempt, one.value) for one in suite.log().observations if one.what == "first"]
    assert seen == [(1, True), (2, False)]


def test_what_a_dying_process_ran_is_blocked(suite: Suite) -> None:
    """A test whose process dies blocks its criterion; what the process saw before, and the next one after, counts."""
    suite.write({"one": suite.PROVING, "dying": DYING, "two": suite.PROVING})
    result = suite.run("-n1")
    assert suite.states() == {"one": "proven", "dying": "blocked", "two": "proven"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(("hook", "state"), [("sessionfinish", "blocked"), ("unconfigure", "proven")])
def test_what_a_process_ran_that_dies_after_it_is_blocked(suite: Suite, hook: str, state: str) -> None:
    """A process that dies before it has told all that it saw blocks what it ran; one that has told it does not."""
    suite.write({"one": suite.PROVING})
    dies = f"""

class Dying:
    @pytest.hookimpl(tryfirst=True)
    def pytest_{hook}(self):
        os._exit(0)


@pytest.fixture(autouse=True)
def dies(request):
    request.config.pluginmanager.register(Dying())
"""
    suite.add("test_00.py", "one", f"import os\n{dies}\n{suite.PROVING}")
    result = suite.run("-n1", "--max-worker-restart=0")
    assert suite.states() == {"one": state}
    assert (result.ret == pytest.ExitCode.OK) == (state == "proven")


def test_what_a_dying_process_ran_and_another_ran_again_is_not_proven(suite: Suite) -> None:
    """A test whose process dies and that passes in the next one proves nothing."""
    suite.write({"dying": DYING_ONCE, "one": suite.PROVING})
    suite.run("-n1", "--reruns=1")
    assert suite.states() == {"dying": "blocked", "one": "proven"}


def test_a_run_that_dies_leaves_a_readable_log(suite: Suite) -> None:
    """A run that is killed keeps what was seen up to then; what it did not finish is blocked or not run."""
    suite.write({"one": suite.PROVING, "dying": DYING, "two": suite.PROVING})
    suite.run(own_process=True)
    assert suite.states() == {"one": "proven", "dying": "blocked", "two": "not-run"}
    assert suite.log().cut
    assert [one.value for one in suite.log().observations] == [42, 42]


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("import no_such_module", "blocked"),
        ("import pytest\npytest.skip('no time', allow_module_level=True)", "skipped"),
        ("import pytest\npytest.importorskip('no_such_module')", "skipped"),
    ],
    ids=["broken", "skipped", "needs more"],
)
def test_a_module_that_cannot_be_read_hides_its_tests(suite: Suite, source: str, state: str) -> None:
    """A module that is broken or skipped as a whole could speak of any criterion: nothing is proven."""
    suite.write({"one": suite.PROVING})
    (suite.path / "test_more.py").write_text(source)
    result = suite.run("--continue-on-collection-errors")
    assert suite.states() == {"one": state}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_module_that_cannot_be_read_hides_its_tests_under_xdist(suite: Suite) -> None:
    """Processes of pytest-xdist say so too, and it is written once."""
    suite.write({"one": suite.PROVING})
    (suite.path / "test_more.py").write_text("import no_such_module")
    suite.run("--continue-on-collection-errors", "-n2")
    assert suite.states() == {"one": "blocked"}
    assert [one.test for one in suite.log().outcomes if one.when == "collect"] == ["test_more.py"]
