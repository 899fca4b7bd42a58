"""Validates Kubernetes objects by their schemas, without unknown fields, and prints their names.

Core objects are validated by kubernetes-validate, objects of the Prometheus operator by models generated from its
definitions."""
import sys

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1


def unknown_fields(given, kept, path=""):
    """Yields the paths of the fields that a model does not know."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{path}.{key}"
            else:
                yield from unknown_fields(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list):
        for number, (value, other) in enumerate(zip(given, kept, strict=True)):
            yield from unknown_fields(value, other, f"{path}[{number}]")


for manifest in yaml.safe_load_all(sys.stdin):
    if not manifest:
        continue
    kind = manifest["kind"]
    if manifest["apiVersion"] == "monitoring.coreos.com/v1":
        model = getattr(v1, kind).model_validate(manifest)
        unknown = list(unknown_fields(manifest, model.model_dump(by_alias=True, exclude_unset=True, mode="json")))
        assert not unknown, f"{kind}: unknown {unknown}"
    else:
        for version in sys.argv[1:]:
            kubernetes_validate.validate(manifest, version, strict=True)
    print(f"{manifest['metadata'].get('namespace')}/{kind}/{manifest['metadata']['name']}")
