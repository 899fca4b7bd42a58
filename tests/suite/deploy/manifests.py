"""Reads Kubernetes objects and holds each to its schema, unknown fields forbidden; says which they are.

Core objects by kubernetes-validate, the Prometheus operator's by models made from its definitions."""
import sys

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1


def lost(given, kept, path=""):
    """What a model did not take: a field that it does not know."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{path}.{key}"
            else:
                yield from lost(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list):
        for number, (value, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(value, other, f"{path}[{number}]")


for manifest in yaml.safe_load_all(sys.stdin):
    if not manifest:
        continue
    kind = manifest["kind"]
    if manifest["apiVersion"] == "monitoring.coreos.com/v1":
        model = getattr(v1, kind).model_validate(manifest)
        unknown = list(lost(manifest, model.model_dump(by_alias=True, exclude_unset=True, mode="json")))
        assert not unknown, f"{kind}: unknown {unknown}"
    else:
        for version in sys.argv[1:]:
            kubernetes_validate.validate(manifest, version, strict=True)
    print(f"{manifest['metadata'].get('namespace')}/{kind}/{manifest['metadata']['name']}")
