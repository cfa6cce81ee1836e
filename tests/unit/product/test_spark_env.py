"""How Spark gets the release's secret: what spark-env.sh puts together whenever something of Spark starts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SPARK_ENV = Path(__file__).parents[3] / "charts" / "spark-standalone" / "files" / "spark-env.sh"
CANNOT_USE_DIRECTORY, BAD_VARIABLE = 73, 78

# What Spark's own load-spark-env.sh does, and then what Spark reads.
LOAD = """
export SPARK_CONF_DIR=$SPARK_HOME/conf
set -a
. "$1"
set +a
env > "$SPARK_HOME/environment"
printf %s "$SPARK_CONF_DIR"
"""


class Home:
    """A folder that stands for Spark's, with the configuration and the secret of a release.

    Args:
        folder: an empty folder.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("conf", "authentication", "tmp"):
            (folder / name).mkdir()
        self.defaults("spark.authenticate=true\nspark.a=1\n")
        self.secret("s3cret")

    def defaults(self, text: str) -> None:
        """Say what the ConfigMap holds."""
        (self.folder / "conf" / "spark-defaults.conf").write_text(text)

    def secret(self, text: str) -> None:
        """Say what the Secret holds."""
        (self.folder / "authentication" / "secret").write_text(text)

    def load(self) -> tuple[int, Path, str]:
        """Start something of Spark; return the exit code, the folder that it is configured by, and complaints."""
        given = {"PATH": os.environ["PATH"], "SPARK_HOME": str(self.folder), "TMPDIR": str(self.folder / "tmp")}
        command = ["bash", "-c", LOAD, "bash", str(SPARK_ENV)]
        ended = subprocess.run(command, env=given, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        return ended.returncode, Path(ended.stdout), ended.stderr


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give a folder that stands for Spark's."""
    return Home(tmp_path)


def test_spark_reads_the_configuration_and_the_secret(home: Home) -> None:
    """Each line of the ConfigMap is there, and the secret behind them."""
    code, folder, complaints = home.load()

    assert (code, complaints) == (0, "")
    assert (folder / "spark-defaults.conf").read_text().splitlines() == [
        "spark.authenticate=true",
        "spark.a=1",
        "",
        "spark.authenticate.secret=s3cret",
    ]


def test_nobody_else_reads_the_secret(home: Home) -> None:
    """Folder and file belong to the one who starts Spark, and the secret is in no variable."""
    _, folder, _ = home.load()

    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "spark-defaults.conf").stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in (home.folder / "environment").read_text()


def test_a_backslash_is_one_for_java_too(home: Home) -> None:
    """Java's properties take a single one for the beginning of something else."""
    home.secret("a\\b\n")
    _, folder, _ = home.load()

    assert (folder / "spark-defaults.conf").read_text().splitlines()[-1] == "spark.authenticate.secret=a\\\\b"


def test_the_next_start_reads_what_is_there_then(home: Home) -> None:
    """An upgrade changes the ConfigMap under a running pod: drivers that start later read it, and a new secret."""
    home.load()
    home.defaults("spark.a=2\n")
    home.secret("other")
    _, folder, _ = home.load()

    lines = (folder / "spark-defaults.conf").read_text().splitlines()
    assert lines == ["spark.a=2", "", "spark.authenticate.secret=other"]
    assert [path.name for path in folder.iterdir()] == ["spark-defaults.conf"]


def test_other_files_of_the_configuration_are_there(home: Home) -> None:
    """What lies beside spark-defaults.conf is read as before."""
    (home.folder / "conf" / "log4j2.properties").write_text("x")
    _, folder, _ = home.load()

    assert (folder / "log4j2.properties").read_text() == "x"


@pytest.mark.parametrize(
    ("secret", "what"),
    [
        pytest.param("", "is empty", id="nothing"),
        pytest.param("\n", "is empty", id="a line without anything"),
        pytest.param("  \t", "is empty", id="white space"),
        pytest.param("a\nspark.b=c", "has several lines", id="a second line, which Spark would read as a property"),
    ],
)
def test_a_secret_that_is_none_starts_nothing(home: Home, secret: str, what: str) -> None:
    """It would keep nobody out; the message says what to put where."""
    home.secret(secret)
    code, _, complaints = home.load()

    assert code == BAD_VARIABLE
    assert f"{what}: put one line of long random text under the key `secret`" in complaints


def test_without_a_secret_nothing_starts(home: Home) -> None:
    """A pod that does not mount it, and says that it is needed, has made a mistake."""
    (home.folder / "authentication" / "secret").unlink()
    code, _, complaints = home.load()

    assert code == BAD_VARIABLE
    assert "authentication/secret" in complaints


def test_a_folder_that_cannot_be_made_starts_nothing(home: Home) -> None:
    """Rather than with a configuration that lacks the secret."""
    (home.folder / "tmp").rmdir()
    (home.folder / "tmp").touch()

    assert home.load()[0] == CANNOT_USE_DIRECTORY
