"""The Kubernetes manifests: valid, and agreeing with each other, the image and the settings."""

import copy
import re
import shutil
import subprocess
import tomllib
from typing import Any

import kubernetes_validate
import pytest
import yaml
from prometheus_client import REGISTRY

import service.telemetry.metrics  # noqa: F401 - it registers the metrics
from service.settings import Settings
from tests.kubernetes.kustomize import Manifest, build, identify, read_manifests
from tests.service.live_server import ROOT

FOLDER = ROOT / "docker" / "kubernetes"
COMPOSE = ROOT / "docker" / "compose.yaml"
KUSTOMIZATIONS = ("base", "gpu", "monitoring", "secure")
OLDEST = "1.30"
BASE = {identify(manifest): manifest for manifest in build(FOLDER / "base")}
GPU = {identify(manifest): manifest for manifest in build(FOLDER / "gpu")}
SECURE = {identify(manifest): manifest for manifest in build(FOLDER / "secure")}
DEPLOYMENT = BASE["Deployment", "trident"]
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
POD_LABELS = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
(INFERENCE_SERVICE,) = read_manifests(FOLDER / "kserve" / "inference-service.yaml")
(SERVICE_MONITOR,) = build(FOLDER / "monitoring")
SETTINGS = Settings.model_construct()


def _adapter_rule() -> dict[str, Any]:
    (example,) = read_manifests(FOLDER / "monitoring" / "adapter.yaml")
    (rule,) = yaml.safe_load(example["data"]["config.yaml"])["rules"]
    assert isinstance(rule, dict)
    return rule


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize(
    "manifest", [*BASE.values(), *GPU.values(), *SECURE.values()], ids=identify
)
def test_the_manifests_hold_to_the_schemas_of_kubernetes(manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_manifest_that_does_not_is_noticed() -> None:
    misspelt = copy.deepcopy(DEPLOYMENT)
    misspelt["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(misspelt, OLDEST, strict=True)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl to compare with")
@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_kubectl_builds_the_same(name: str) -> None:
    command = ["kubectl", "kustomize", str(FOLDER / name)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    by_kubectl = {identify(manifest): manifest for manifest in yaml.safe_load_all(run.stdout)}
    assert by_kubectl == {identify(manifest): manifest for manifest in build(FOLDER / name)}


def test_every_selector_finds_the_pods() -> None:
    spec = DEPLOYMENT["spec"]
    selectors = [
        spec["selector"]["matchLabels"],
        *(spread["labelSelector"]["matchLabels"] for spread in POD["topologySpreadConstraints"]),
        BASE["PodDisruptionBudget", "trident"]["spec"]["selector"]["matchLabels"],
        BASE["NetworkPolicy", "trident"]["spec"]["podSelector"]["matchLabels"],
        *(one["spec"]["selector"] for (kind, _), one in BASE.items() if kind == "Service"),
    ]
    assert all(selector.items() <= POD_LABELS.items() for selector in selectors)


def test_the_ports_are_those_of_the_service() -> None:
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert ports == {"http": 3000, "grpc": SETTINGS.grpc_port}  # 3000 is BentoML's default
    for (kind, _), manifest in BASE.items():
        if kind == "Service":
            for port in manifest["spec"]["ports"]:
                assert port["port"] == ports[port["targetPort"]]


def test_replicas_stop_only_after_their_requests() -> None:
    variables = {variable["name"]: variable["value"] for variable in CONTAINER["env"]}
    grace = float(variables["TRIDENT_STOP_GRACE"])
    assert grace >= 10  # for proxies to notice
    longest = grace + SETTINGS.request_timeout + SETTINGS.drain_timeout
    assert POD["terminationGracePeriodSeconds"] > longest
    assert INFERENCE_SERVICE["spec"]["predictor"]["timeout"] > SETTINGS.request_timeout


def test_only_settings_that_there_are_are_set() -> None:
    names = {variable["name"] for variable in CONTAINER["env"]}
    assert names <= {f"TRIDENT_{field.upper()}" for field in Settings.model_fields}
    assert POD["enableServiceLinks"] is False  # otherwise Kubernetes sets more such variables


def test_no_replica_can_do_more_than_it_must() -> None:
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    written = {mount["name"] for mount in CONTAINER["volumeMounts"]}
    assert written == {volume["name"] for volume in POD["volumes"] if "emptyDir" in volume}


def test_two_replicas_or_more_run_and_one_can_always_be_evicted() -> None:
    spec = BASE["HorizontalPodAutoscaler", "trident"]["spec"]
    assert (spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]) == identify(DEPLOYMENT)
    assert spec["minReplicas"] >= 2
    assert "replicas" not in DEPLOYMENT["spec"]
    budget = BASE["PodDisruptionBudget", "trident"]["spec"]
    assert 1 <= budget["maxUnavailable"] < spec["minReplicas"]


def test_the_autoscaler_asks_for_a_metric_that_the_adapter_makes_of_the_services_own() -> None:
    (metric,) = BASE["HorizontalPodAutoscaler", "trident"]["spec"]["metrics"]
    rule = _adapter_rule()
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    series = re.match(r"\w+", rule["seriesQuery"])
    assert series is not None
    sums = {f"{family.name}_sum" for family in REGISTRY.collect() if family.type == "histogram"}
    assert series[0] in sums


def test_one_port_of_one_service_is_scraped() -> None:
    spec = SERVICE_MONITOR["spec"]
    (endpoint,) = spec["endpoints"]
    wanted = spec["selector"]["matchLabels"].items()
    scraped = [
        port
        for (kind, _), manifest in BASE.items()
        if kind == "Service" and wanted <= manifest["metadata"]["labels"].items()
        for port in manifest["spec"]["ports"]
        if port["name"] == endpoint["port"]
    ]
    assert [port["port"] for port in scraped] == [3000]


def test_the_image_has_the_projects_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert CONTAINER["image"] == f"trident:{version}"
    (of_kserve,) = INFERENCE_SERVICE["spec"]["predictor"]["containers"]
    assert of_kserve["image"] == CONTAINER["image"]


def test_a_replica_on_a_gpu_has_one_for_itself() -> None:
    pod = GPU["Deployment", "trident"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert {"name": "TRIDENT_WORKERS", "value": "1"} in container["env"]
    assert container["image"].startswith("trident-gpu:")
    assert container["readinessProbe"] == CONTAINER["readinessProbe"]


def test_a_secure_replica_has_keys_tls_and_a_port_for_operations() -> None:
    pod = SECURE["Deployment", "trident"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = {one["name"]: one["value"] for one in container["env"]}
    assert settings.keys() <= {f"TRIDENT_{field.upper()}" for field in Settings.model_fields}
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert int(settings["TRIDENT_OPERATIONS_PORT"]) == ports["operations"]
    mounted = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    secrets = {one["name"] for one in pod["volumes"] if "secret" in one}
    for file in ("KEYS_FILE", "TLS_CERTIFICATE", "TLS_KEY"):
        folder = settings[f"TRIDENT_{file}"].rpartition("/")[0]
        assert mounted[folder] in secrets
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert (asked["port"], asked["scheme"]) == ("operations", "HTTPS")
        assert asked["path"] == CONTAINER[probe]["httpGet"]["path"]
    rules = SECURE["NetworkPolicy", "trident"]["spec"]["ingress"]
    (for_monitoring,) = (rule["ports"] for rule in rules if len(rule["from"]) == 1)
    assert for_monitoring == [{"port": "operations"}]


def test_kserve_runs_the_same_container() -> None:
    predictor = INFERENCE_SERVICE["spec"]["predictor"]
    (of_kserve,) = predictor["containers"]
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert [port["containerPort"] for port in of_kserve["ports"]] == list(ports.values())
    ours = copy.deepcopy(CONTAINER)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        ours[probe]["httpGet"]["port"] = ports[ours[probe]["httpGet"]["port"]]
    differing = {"name", "ports"}  # KServe has its own names
    assert {k: v for k, v in of_kserve.items() if k not in differing} == {
        k: v for k, v in ours.items() if k not in differing
    }
    shared = ("securityContext", "enableServiceLinks", "terminationGracePeriodSeconds", "volumes")
    assert {key: predictor[key] for key in shared} == {key: POD[key] for key in shared}


def test_the_images_are_those_of_compose() -> None:
    for manifests, compose in ((BASE, COMPOSE), (GPU, COMPOSE.with_name("compose.gpu.yaml"))):
        (ours,) = manifests["Deployment", "trident"]["spec"]["template"]["spec"]["containers"]
        theirs = yaml.safe_load(compose.read_text())["services"]["trident"]
        default = re.fullmatch(r"\$\{TRIDENT_IMAGE:-(.+)\}", theirs["image"])
        assert default is not None
        assert default[1].partition(":")[0] == ours["image"].partition(":")[0]


def test_the_ports_and_the_health_are_those_of_the_image() -> None:
    exposed = re.search(
        r"^EXPOSE (3.*)$", COMPOSE.with_name("Dockerfile").read_text(), re.MULTILINE
    )
    assert exposed is not None
    assert [int(port) for port in exposed[1].split()] == [
        port["containerPort"] for port in CONTAINER["ports"]
    ]
    path = CONTAINER["readinessProbe"]["httpGet"]["path"]
    assert f'"{path}"' in COMPOSE.with_name("healthcheck.py").read_text()
