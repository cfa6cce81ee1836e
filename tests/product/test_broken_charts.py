"""Each test of what is rendered fails on a chart that is broken in the way that it looks for."""

from __future__ import annotations

import inspect
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.product import test_chart as chart_tests
from tests.product import test_values as values_tests

from support.places import CHART, RELEASE
from workstream.cluster import helm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("tools")  # helm on PATH


@dataclass(frozen=True)
class Broken:
    """A chart with one mistake, and the test that must notice.

    Attributes:
        mistake: what is wrong, for people.
        file: the template that has it.
        text: what stands there.
        instead: what somebody would have written.
        test: the test.
        arguments: what the test is called with, beside rendered charts.

    """

    mistake: str
    file: str
    text: str
    instead: str
    test: Callable[..., None]
    arguments: tuple[tuple[str, Any], ...] = ()


BROKEN = [
    Broken(
        "any property rolls every pod",
        "_helpers.tpl",
        'include "spark-standalone.daemonProperties" . | sha256sum',
        'include "spark-standalone.properties" $root | sha256sum',
        chart_tests.test_a_property_that_only_drivers_read_rolls_no_pod,
        (("name", "spark.sql.shuffle.partitions"),),
    ),
    Broken(
        "no property rolls a pod",
        "_helpers.tpl",
        'include "spark-standalone.daemonProperties" . | sha256sum',
        "$root.Chart.Version | sha256sum",
        chart_tests.test_a_property_that_daemons_read_rolls_every_pod,
        (("name", "spark.network.crypto.enabled"),),
    ),
    Broken(
        "drivers that ask a service which is gone",
        "_helpers.tpl",
        "or $master (ne",
        'or (not (hasPrefix "spark.shuffle." $key)) (ne',
        chart_tests.test_a_service_that_moves_or_goes_starts_the_master_again,
        (("service", {"enabled": False}),),
    ),
    Broken(
        "a user's number of retries is ignored",
        "_helpers.tpl",
        "merge (deepCopy (default dict .Values.sparkConf)) $found",
        "merge $found .Values.sparkConf",
        chart_tests.test_a_user_can_say_another_number_of_retries,
    ),
    Broken(
        "a probe that a stranger can answer",
        "_helpers.tpl",
        "startupProbe:\n  exec:\n    command: [entrypoint.sh, probe, {{ index . 1 | quote }}]",
        "startupProbe:\n  tcpSocket:\n    port: {{ index . 0 }}",
        chart_tests.test_a_container_has_started_when_its_own_process_listens,
    ),
    Broken(
        "no liveness probe",
        "_helpers.tpl",
        "livenessProbe:",
        "lifecycle:",
        chart_tests.test_a_container_has_started_when_its_own_process_listens,
    ),
    Broken(
        "a worker that waits for nobody",
        "worker.yaml",
        "SPARK_SHUFFLE_SERVICE_PORT",
        "SPARK_SHUFFLE_SERVICE",
        chart_tests.test_a_worker_waits_for_the_service_if_there_is_one,
    ),
    Broken(
        "a keeper that upgrades move",
        "master.yaml",
        "OnDelete",
        "RollingUpdate",
        chart_tests.test_every_master_starts_where_the_keeper_of_its_folder_is,
    ),
    Broken(
        "a Master that starts anywhere",
        "master.yaml",
        "topologyKey: kubernetes.io/hostname",
        "topologyKey: kubernetes.io/os",
        chart_tests.test_every_master_starts_where_the_keeper_of_its_folder_is,
    ),
    Broken(
        "memory that nobody adds up",
        "_helpers.tpl",
        "lt $limit $sum",
        "lt $limit 0",
        values_tests.test_memory_that_does_not_add_up_is_refused_with_the_sum,
        (("values", {"worker": {"cores": 3}}), ("limit", "5632 MiB"), ("needed", 6784)),
    ),
    Broken(
        "Python that nobody counts",
        "_helpers.tpl",
        "$beside $python $off -}}",
        "$beside $off -}}",
        values_tests.test_memory_that_does_not_add_up_is_refused_with_the_sum,
        (("values", values_tests.worker_memory("5375Mi")), ("limit", "5375 MiB"), ("needed", 5376)),
    ),
    Broken(
        "a secret that can be guessed",
        "secret.yaml",
        "randAlphaNum 64",
        ".Release.Name",
        chart_tests.test_authentication_has_one_secret_and_shows_it_nowhere_else,
    ),
    Broken(
        "a Secret of one's own that is not mounted",
        "_helpers.tpl",
        'default (printf "%s-authentication" $fullname) .Values.authentication.existingSecret',
        'printf "%s-authentication" $fullname',
        chart_tests.test_authentication_takes_a_secret_of_somebody_else,
    ),
    Broken(
        "host network though the service is off",
        "_helpers.tpl",
        "{{- if .Values.shuffleService.enabled }}\nhostNetwork",
        "{{- if true }}\nhostNetwork",
        chart_tests.test_switched_off_nothing_of_the_service_is_rendered,
    ),
    Broken(
        "a selector that is dropped",
        "_helpers.tpl",
        "nodeSelector:",
        "nodeSelection:",
        chart_tests.test_workers_and_service_go_to_the_nodes_that_the_values_choose,
    ),
    Broken(
        "a Master that starts where it likes",
        "master.yaml",
        'with include "spark-standalone.placement" .Values.master.nodes',
        'with ""',
        chart_tests.test_the_master_goes_to_the_nodes_that_the_values_choose,
        (("recovery", {}),),
    ),
    Broken(
        "a Master that is torn between its keeper and a selector",
        "master.yaml",
        '(omit .Values.master.nodes "selector")',
        ".Values.master.nodes",
        chart_tests.test_the_master_goes_to_the_nodes_that_the_values_choose,
        (("recovery", {}),),
    ),
    Broken(
        "a limit of nothing that nobody adds up",
        "_helpers.tpl",
        'ne (toString $limited) ""',
        "$limited",
        values_tests.test_memory_that_does_not_add_up_is_refused_with_the_sum,
        (("values", values_tests.worker_memory(0)), ("limit", "0 MiB"), ("needed", 5376)),
    ),
    Broken(
        "a folder of the node's own",
        "configmap.yaml",
        '{{- include "spark-standalone.requireFolders" . -}}',
        "",
        values_tests.test_a_folder_of_the_nodes_own_is_refused,
        (("value", "shuffleService.hostPath"), ("folder", "/var/lib/kubelet")),
    ),
    Broken(
        "one folder for Master and shuffle",
        "_helpers.tpl",
        'hasPrefix (printf "%s/" $above)',
        'hasPrefix (printf "%s/" $other)',
        values_tests.test_a_wrong_value_is_refused_by_name,
        (("values", {"shuffleService": {"hostPath": "/var/lib/spark-standalone"}}), ("said", "must differ")),
    ),
    Broken(
        "a secret in a ConfigMap",
        "configmap.yaml",
        '{{- include "spark-standalone.requireProperties" . -}}',
        "",
        values_tests.test_a_secret_in_a_config_map_is_refused,
        (("name", "spark.ssl.keyPassword"),),
    ),
    Broken(
        "requests of which the API server complains, and nobody before",
        "_helpers.tpl",
        "if gt (include $number $asked | float64)",
        "if gt 0.0",
        values_tests.test_a_wrong_value_is_refused_by_name,
        (("values", {"worker": {"resources": {"requests": {"memory": "8Gi"}}}}), ("said", "at most the limit")),
    ),
    Broken(
        "a variable that another value sets as well",
        "_helpers.tpl",
        "with get $variables $variable.name",
        'with ""',
        values_tests.test_a_wrong_value_is_refused_by_name,
        (
            ("values", {"pods": {"env": [{"name": "SPARK_LOCAL_DIRS", "value": "/x"}]}}),
            ("said", "set shuffleService.hostPath"),
        ),
    ),
    Broken(
        "a mount that buries the configuration",
        "_helpers.tpl",
        '(printf "%s/" $one)',
        '(printf "/%s/" $one)',
        values_tests.test_a_wrong_value_is_refused_by_name,
        (
            (
                "values",
                {
                    "pods": {
                        "volumes": [values_tests.VOLUME],
                        "volumeMounts": [{"name": "mine", "mountPath": "/opt/spark"}],
                    }
                },
            ),
            ("said", "Take a folder of your own"),
        ),
    ),
    Broken(
        "executors that no worker can have",
        "_helpers.tpl",
        'if gt (include "spark-standalone.ofSpark" $asked | int64)',
        "if gt 0",
        values_tests.test_a_wrong_value_is_refused_by_name,
        (("values", {"sparkConf": {"spark.executor.memory": "3g"}}), ("said", "which is 3g")),
    ),
    Broken(
        "a release that is called 2024",
        "_helpers.tpl",
        "{{ $root.Release.Name | quote }}",
        "{{ $root.Release.Name }}",
        chart_tests.test_a_name_that_yaml_takes_for_something_else_is_a_text,
        (("name", "2024"),),
    ),
    Broken(
        "memory off the heaps that nobody counts",
        "_helpers.tpl",
        "$beside $python $off",
        "$beside $python",
        values_tests.test_memory_that_does_not_add_up_is_refused_with_the_sum,
        (("values", values_tests.OFF_HEAP), ("limit", "5632 MiB"), ("needed", 6400)),
    ),
    Broken(
        "a test job for nodes that nobody chose",
        "tests/job.yaml",
        'with include "spark-standalone.placement" .Values.master.nodes',
        'with ""',
        chart_tests.test_the_test_job_starts_where_the_master_may,
    ),
    Broken(
        "a port that the pod's other parts do not hear of",
        "_helpers.tpl",
        "with get $elsewhere $key",
        'with ""',
        values_tests.test_a_wrong_value_is_refused_by_name,
        (("values", {"sparkConf": {"spark.worker.ui.port": "9"}}), ("said", "set worker.ports.ui")),
    ),
    Broken(
        "one address for every driver",
        "_helpers.tpl",
        'list "spark.driver.host" "spark.driver.bindAddress"',
        'list "spark.driver.host"',
        values_tests.test_a_wrong_value_is_refused_by_name,
        (("values", {"sparkConf": {"spark.driver.bindAddress": "x"}}), ("said", "one address for every driver")),
    ),
    Broken(
        "values of which nobody knows the form",
        "../values.schema.json",
        '"additionalProperties": false',
        '"additionalProperties": true',
        values_tests.test_a_wrong_value_is_refused_by_name,
        (("values", {"shuffleServce": {"enabled": True}}), ("said", "shuffleServce")),
    ),
    Broken(
        "notes that keep still about what is open",
        "NOTES.txt",
        "if not .Values.authentication.enabled",
        "if false",
        chart_tests.test_the_notes_warn_of_what_is_open,
    ),
    Broken(
        "notes that warn of what is not there",
        "NOTES.txt",
        "{{- if .Values.shuffleService.enabled }}, and whoever",
        "{{- if true }}, and whoever",
        chart_tests.test_the_notes_warn_of_what_is_open,
    ),
    Broken(
        "a node that cannot be taken out",
        "_helpers.tpl",
        "spark-standalone/out",
        "spark-standalone/away",
        chart_tests.test_workers_and_service_leave_a_node_that_is_taken_out,
    ),
    Broken(
        "tolerations that are dropped",
        "_helpers.tpl",
        "\ntolerations:",
        "\ntolerated:",
        chart_tests.test_workers_and_service_go_to_the_nodes_that_the_values_choose,
    ),
    Broken(
        "a pull policy of the chart's own",
        "_helpers.tpl",
        "{{ $found.pullPolicy }}",
        "IfNotPresent",
        chart_tests.test_every_container_runs_the_image_that_the_values_name,
    ),
    Broken(
        "credentials that are dropped",
        "_helpers.tpl",
        "imagePullSecrets:\n",
        "pullSecrets:\n",
        chart_tests.test_every_container_runs_the_image_that_the_values_name,
    ),
    Broken(
        "a daemon without its configuration",
        "worker.yaml",
        '{{- include "spark-standalone.configMounts" . | nindent 12 }}',
        "",
        chart_tests.test_every_daemon_reads_the_configuration,
    ),
    Broken(
        "a daemon that lives on without memory",
        "_helpers.tpl",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:+UseG1GC",
        chart_tests.test_a_daemon_without_memory_ends_and_is_started_again,
    ),
    Broken(
        "two Masters at once",
        "master.yaml",
        "type: Recreate",
        "type: RollingUpdate",
        chart_tests.test_two_masters_never_run_at_once,
    ),
    Broken(
        "cores that are ignored",
        "worker.yaml",
        "{{ .Values.worker.cores | quote }}",
        '"2"',
        chart_tests.test_what_the_values_say_of_workers_is_what_they_are_told,
    ),
    Broken(
        "a clean-up that is ignored",
        "worker.yaml",
        "{{ int .Values.worker.cleanup.keep }}",
        "604800",
        chart_tests.test_what_the_values_say_of_workers_is_what_they_are_told,
    ),
    Broken(
        "a Master that is sought at its former address",
        "worker.yaml",
        "-Dspark.worker.preferConfiguredMasterAddress=true",
        "",
        chart_tests.test_what_the_values_say_of_workers_is_what_they_are_told,
    ),
    Broken(
        "a Service of every pod",
        "_helpers.tpl",
        "app.kubernetes.io/component: {{ index . 1 }}",
        "",
        chart_tests.test_each_service_finds_the_pods_of_one_workload,
    ),
    Broken(
        "a worker that takes the Master's word to another",
        "worker.yaml",
        "SPARK_AWAIT_MASTER",
        "SPARK_AWAITS",
        chart_tests.test_a_worker_waits_for_a_master_that_recovers,
    ),
    Broken(
        "labels that are dropped",
        "_helpers.tpl",
        "with $root.Values.pods.labels",
        "with dict",
        chart_tests.test_every_pod_has_what_the_values_say_of_pods,
    ),
    Broken(
        "annotations that the keeper lacks",
        "_helpers.tpl",
        "else if $annotations",
        "else if dict",
        chart_tests.test_every_pod_has_what_the_values_say_of_pods,
    ),
    Broken(
        "a priority that is dropped",
        "_helpers.tpl",
        "with .Values.pods.priorityClassName",
        "with dict",
        chart_tests.test_every_pod_has_what_the_values_say_of_pods,
    ),
    Broken(
        "variables that are dropped",
        "_helpers.tpl",
        "with $pods.env",
        "with dict",
        chart_tests.test_every_pod_has_what_the_values_say_of_pods,
    ),
    Broken(
        "volumes that are dropped",
        "_helpers.tpl",
        "with .Values.pods.volumes }}",
        "with dict }}",
        chart_tests.test_every_pod_has_what_the_values_say_of_pods,
    ),
    Broken(
        "mounts that are dropped",
        "_helpers.tpl",
        "with .Values.pods.volumeMounts",
        "with dict",
        chart_tests.test_every_pod_has_what_the_values_say_of_pods,
    ),
    Broken(
        "Java's options in place of the chart's",
        "_helpers.tpl",
        'printf "-XX:+ExitOnOutOfMemoryError %s"',
        'printf "%s"',
        chart_tests.test_every_pod_has_what_the_values_say_of_pods,
    ),
    Broken(
        "an image of its own that is ignored",
        "shuffle-service.yaml",
        "(list . .Values.shuffleService.image)",
        "(list . .Values.image)",
        chart_tests.test_the_service_can_have_an_image_of_its_own,
        (("chart", {}), ("own", {"tag": "2"}), ("expected", ("workstream/spark:2", "IfNotPresent"))),
    ),
    Broken(
        "a digest of another image",
        "_helpers.tpl",
        '(omit $root.Values.image "digest")',
        "$root.Values.image",
        chart_tests.test_the_service_can_have_an_image_of_its_own,
        (
            ("chart", {"digest": chart_tests.DIGEST}),
            ("own", {"tag": "2"}),
            ("expected", ("workstream/spark:2", "IfNotPresent")),
        ),
    ),
    Broken(
        "a digest that is dropped",
        "_helpers.tpl",
        'printf "%s@%s" $image $found.digest',
        'printf "%s" $image',
        chart_tests.test_an_image_can_be_named_by_its_content,
    ),
    Broken(
        "executors that go with files that somebody wants",
        "_helpers.tpl",
        '"spark.dynamicAllocation.shuffleTracking.enabled" "true"',
        '"spark.dynamicAllocation.shuffleTracking.enabled" "false"',
        chart_tests.test_without_the_service_executors_are_kept_for_their_files,
    ),
    Broken(
        "a field that Kubernetes does not know",
        "worker.yaml",
        "resources:",
        "resource:",
        chart_tests.test_every_object_has_the_form_of_its_kind,
        (("feature", None),),
    ),
    Broken(
        "a number where a text must be",
        "master.yaml",
        "{{ .Values.master.ports.rpc | quote }}",
        "{{ .Values.master.ports.rpc }}",
        chart_tests.test_every_object_has_the_form_of_its_kind,
        (("feature", None),),
    ),
    Broken(
        "a field that must be there",
        "shuffle-service.yaml",
        "  selector:\n    matchLabels",
        "  selected:\n    matchLabels",
        chart_tests.test_every_object_has_the_form_of_its_kind,
        (("feature", None),),
    ),
    Broken(
        "metrics that annotations seek at Spark's own port",
        "_helpers.tpl",
        "(get $root.Values (index . 1)).ports.ui",
        "8080",
        chart_tests.test_metrics_are_shown_where_annotations_say,
    ),
    Broken(
        "a Master whose metrics no annotation tells of",
        "_helpers.tpl",
        'has (index . 1) (list "master" "worker")',
        'has (index . 1) (list "worker")',
        chart_tests.test_metrics_are_shown_where_annotations_say,
    ),
    Broken(
        "metrics of applications in place of the Master's",
        "_helpers.tpl",
        '"/metrics/applications/prometheus"',
        '"/metrics/master/prometheus"',
        chart_tests.test_metrics_are_shown_where_annotations_say,
    ),
    Broken(
        "metrics that nobody switched on",
        "_helpers.tpl",
        "{{- if .Values.metrics.enabled -}}",
        "{{- if true -}}",
        chart_tests.test_metrics_are_shown_where_annotations_say,
    ),
    Broken(
        "annotations of the chart over a user's",
        "_helpers.tpl",
        'merge (deepCopy $root.Values.pods.annotations) (include "spark-standalone.scraped" . | fromJson)',
        'merge (include "spark-standalone.scraped" . | fromJson) $root.Values.pods.annotations',
        chart_tests.test_annotations_follow_another_path_and_leave_users_the_last_word,
    ),
    Broken(
        "annotations that know one path only",
        "_helpers.tpl",
        "(default $everywhere $own | trimSuffix",
        "($everywhere | trimSuffix",
        chart_tests.test_annotations_follow_another_path_and_leave_users_the_last_word,
    ),
    Broken(
        "metrics that the service is not started for",
        "_helpers.tpl",
        'include "spark-standalone.daemonProperties" . | sha256sum',
        "$root.Chart.Version | sha256sum",
        chart_tests.test_switching_metrics_on_starts_every_daemon_again,
    ),
    Broken(
        "a user's metrics that no daemon is started for",
        "_helpers.tpl",
        "master|metrics|modify",
        "master|modify",
        chart_tests.test_a_property_that_daemons_read_rolls_every_pod,
        (("name", "spark.metrics.conf.*.sink.csv.class"),),
    ),
    Broken(
        "a test job for another Master",
        "tests/job.yaml",
        ":{{ .Values.master.ports.rpc }}",
        ":7077",
        chart_tests.test_helm_test_submits_a_job_as_applications_do,
    ),
    Broken(
        "a test job without the release's configuration",
        "tests/job.yaml",
        '{{- include "spark-standalone.configMounts" . | nindent 8 }}',
        "- {name: config, mountPath: /opt/spark/work}",
        chart_tests.test_helm_test_submits_a_job_as_applications_do,
    ),
    Broken(
        "a test job that every install runs",
        "tests/job.yaml",
        "helm.sh/hook: test",
        "helm.sh/hook: post-install",
        chart_tests.test_helm_test_submits_a_job_as_applications_do,
    ),
    Broken(
        "a test job that Helm waits for in vain",
        "tests/job.yaml",
        "activeDeadlineSeconds: 240",
        "activeDeadlineSeconds: 600",
        chart_tests.test_helm_test_ends_and_what_failed_can_be_read,
    ),
    Broken(
        "a failed test job that nobody can read",
        "tests/job.yaml",
        "before-hook-creation,hook-succeeded",
        "before-hook-creation,hook-succeeded,hook-failed",
        chart_tests.test_helm_test_ends_and_what_failed_can_be_read,
    ),
    Broken(
        "a Service that finds the test job, too",
        "tests/job.yaml",
        'list . "test"',
        'list . "master"',
        chart_tests.test_each_service_finds_the_pods_of_one_workload,
    ),
    Broken(
        "retries for a service that is switched off",
        "_helpers.tpl",
        '{{- if .Values.shuffleService.enabled -}}\n{{- $found = set $found "spark.shuffle.service.port"',
        '{{- if true -}}\n{{- $found = set $found "spark.shuffle.service.port"',
        chart_tests.test_without_the_service_nobody_waits_for_it,
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.mistake)
def test_a_mistake_in_the_chart_is_noticed(broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test that looks for it fails on such a chart, by an assertion of its own."""
    copy = tmp_path / CHART.name
    shutil.copytree(CHART, copy)
    template = copy / "templates" / broken.file
    text = template.read_text(encoding="utf-8")
    assert broken.text in text, "what is to be broken does not stand there"
    template.write_text(text.replace(broken.text, broken.instead), encoding="utf-8")
    release = replace(RELEASE, chart=copy)
    for module in (chart_tests, values_tests):
        monkeypatch.setattr(module, "RELEASE", release)
    values: dict[str, dict[str, Any]] = {"defaults": {}, "switched_off": {"shuffleService": {"enabled": False}}}
    wanted = inspect.signature(broken.test).parameters
    rendered = {name: helm.template(release, those) for name, those in values.items() if name in wanted}
    arguments = {**rendered, **dict(broken.arguments)}

    # What pytest.raises itself says, where nothing was refused, is an assertion of the test's, too.
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        broken.test(**arguments)
