"""Makes an archive of the classes that Spark loads, from which Java maps them when it starts: see README.md.

Usage: archive_classes.py FOLDER

Java takes an archive only where its class path begins with what that was made with: the same JARs in the same order,
and no folder that holds something. Spark's own class path begins with the folder of its configuration. So classes.jar,
which names all of Spark's JARs, goes before it.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

SPARK = Path(os.environ["SPARK_HOME"])
LINE = 72  # bytes of a line of a manifest; the next one goes on behind a space

# Loads what a driver, an executor, a Master and a Worker load, in one process. A shuffle service loads little else.
TRAINING = """
from operator import add
from pyspark import SparkConf, SparkContext

for master in ("local-cluster[1,1,512]", "local[2]"):
    context = SparkContext(conf=SparkConf().setMaster(master).setAppName("training"))
    pairs = context.parallelize(range(1000), 4).map(lambda number: (number % 10, number))
    assert dict(pairs.reduceByKey(add, 4).collect())[0] == sum(range(0, 1000, 10))
    context.stop()
"""
SETTINGS = {"spark.executor.memory": "512m", "spark.executor.cores": "1"}


def manifest(jars: list[str]) -> bytes:
    """Return the manifest of a JAR that stands for others, which are named from its folder."""
    line = ("Class-Path: " + " ".join(jars)).encode()
    first, rest = line[:LINE], line[LINE:]
    lines = [first, *(b" " + rest[place : place + LINE - 1] for place in range(0, len(rest), LINE - 1))]
    return b"\r\n".join([b"Manifest-Version: 1.0", *lines, b"", b""])


def launched(program: Path, folder: Path) -> list[str]:
    """Return the command with which Spark would start a driver, with a class path of classes.jar alone."""
    options = [part for name, value in SETTINGS.items() for part in ("--conf", f"{name}={value}")]
    launcher = ["java", "-cp", f"{SPARK}/jars/*", "org.apache.spark.launcher.Main"]
    said = subprocess.check_output([*launcher, "org.apache.spark.deploy.SparkSubmit", *options, str(program)])
    command = [part.strip() for part in said.decode().split("\0") if part.strip()]
    command[command.index("-cp") + 1] = str(folder / "classes.jar")
    return command


def main() -> None:
    """Write classes.jar and classes.jsa into a folder, and see that Java takes them."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    jars = sorted(os.path.relpath(path, folder) for path in (SPARK / "jars").glob("*.jar"))
    with zipfile.ZipFile(folder / "classes.jar", "w") as file:
        file.writestr("META-INF/MANIFEST.MF", manifest(jars))
    archive = folder / "classes.jsa"
    with tempfile.TemporaryDirectory() as temporary:
        program = Path(temporary, "training.py")
        program.write_text(TRAINING)
        (core,) = (SPARK / "jars").glob("spark-core_*.jar")  # spark-core_2.12-3.5.7.jar
        os.environ["SPARK_SCALA_VERSION"] = core.name.split("_")[1].split("-")[0]  # else told by Spark's scripts
        os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": temporary, "SPARK_WORKER_DIR": temporary}
        java, *arguments = launched(program, folder)
        making = [java, f"-XX:ArchiveClassesAtExit={archive}", "-Xlog:cds=error", "-Xlog:cds+dynamic=error", *arguments]
        subprocess.run(making, check=True, cwd=temporary)
    # -Xshare:on ends Java where it cannot take the archive, and does not fall back in silence.
    seen = ["java", "-Xshare:on", f"-XX:SharedArchiveFile={archive}", "-cp", f"{folder}/classes.jar"]
    subprocess.run([*seen, "org.apache.spark.deploy.SparkSubmit", "--version"], check=True)


if __name__ == "__main__":
    main()
