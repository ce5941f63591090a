"""Names of suites and metrics for people, and the figures that a short report has."""

from typing import NamedTuple


class Suite(NamedTuple):
    title: str
    # The metrics that answer in short what the suite asks.
    headlines: list[str]
    # The metric that its chart shows.
    chart: str
    note: str = ""


SUITES = {
    "rpc": Suite(
        "Lives of empty snapshots, strictly durable on both sides",
        ["lives", "life_cpu"],
        "lives",
        "One filesystem serves all loads of a daemon. Gatun has gone through 16,000 such lives before, the peer through 800; cold "
        "is without those. Gatun deletes directories meanwhile, the peer leaves them to a cleanup that this suite does not ask "
        "for. There are twice as many rounds, less one, as launches of a JVM differ by a tenth.",
    ),
    "unpack": Suite("Unpacking images whose blobs are there", ["wall", "cpu"], "wall"),
    "pull": Suite(
        "From the registry to the first line of a container",
        ["pull", "pull_cpu", "first_line"],
        "first_line",
        "One image, in gzip. The processor time is that of containerd, its child processes, the snapshotter and the client, and "
        "not that of the registry.",
    ),
    "copy": Suite("Prepare with the native driver", ["prepare", "cpu"], "prepare"),
    "remove": Suite(
        "Removal of an image",
        ["acknowledged", "space", "cpu"],
        "space",
        "The processor time is that of the daemons.",
    ),
    "start": Suite(
        "From exec to the first answer, and memory",
        ["answered_s", "first_prepare_ms", "idle_mib", "burst_mib"],
        "answered_s",
        "Each daemon has just been started; none has done anything before.",
    ),
    "scale": Suite(
        "With many snapshots there, and long chains",
        ["lives", "list", "restart", "prepare_on_128_us", "mounts_of_128_us"],
        "lives",
        "The filesystem is in memory, so that this is about the snapshotters. Each contender makes the 100,000 snapshots once "
        "(*fill*) and has them in every round.",
    ),
    "trap": Suite("Unpacking right after a large delete", ["fresh", "after_delete"], "after_delete"),
    "indexed": Suite(
        "Indexed layers",
        ["wall", "cpu", "cold_first_line", "warm_first_line", "cold_read", "warm_read", "cached", "limited_read",
         "limited_cached", "other_base", "other_base_pulled", "other_base_stored", "content_check", "content_hash",
         "acknowledged", "space", "pull", "pull_cpu", "first_line", "pod_pull", "pod_pull_cpu"],
        "wall",
        "The image on another base has layers that are all there already; its time is that of the client with its start.",
    ),
}

METRICS = {
    "life_cpu": "processor time of a life",
    "wall": "time",
    "cpu": "processor time",
    "sync": "sync after it",
    "pull_cpu": "pull, processor time",
    "first_line": "pull and run to the first line",
    "pod_pull": "pull for Kubernetes",
    "pod_pull_cpu": "pull for Kubernetes, processor time",
    "acknowledged": "until acknowledged",
    "space": "until the space is back",
    "answered_s": "exec to first answer",
    "idle_mib": "resident, idle",
    "burst_mib": "resident after a burst",
    "list": "list all",
    "cold_first_line": "run to the first line, cold",
    "warm_first_line": "run to the first line",
    "cold_read": "read all, cold",
    "warm_read": "read all",
    "content_check": "fsck --content",
    "content_hash": "sha256sum of the tars",
    "cached": "in memory after it",
    "limited_read": "read all in 256 MiB, cold",
    "limited_cached": "in memory after that",
    "other_base": "its layers on another base",
    "other_base_pulled": "the same, pulled",
    "other_base_stored": "bytes that both store",
}


def metric_name(metric: str) -> str:
    if metric in METRICS:
        return METRICS[metric]
    words = metric.split("_")
    return " ".join(words[:-1] if len(words) > 1 and words[-1] in ("us", "ms", "s", "mib") else words)


class Row(NamedTuple):
    """A row of the README's table."""

    text: str
    suite: str
    filesystem: str
    subject: str
    metric: str
    contender: str = "gatun"


README_ROWS = [
    Row("unpack a large image (gzip)", "unpack", "ext4", "large", "wall"),
    Row("the same, processor time", "unpack", "ext4", "large", "cpu"),
    Row("unpack an image of many small layers", "unpack", "ext4", "layers", "wall"),
    Row("pull a large image and run it to its first line", "pull", "ext4", "large", "first_line"),
    Row("remove a large image, until its space is back", "remove", "ext4", "large", "space"),
    Row("prepare, mount, commit and remove: one client", "rpc", "ext4", "overlay by 1 client", "lives"),
    Row("the same: 16 clients", "rpc", "ext4", "overlay by 16 clients", "lives"),
    Row("prepare with the native driver (a copy)", "copy", "ext4", "usr/share of large", "prepare"),
    Row("start: exec to the first answer", "start", "ext4", "overlay", "answered_s"),
    Row("resident memory, idle", "start", "ext4", "overlay", "idle_mib"),
]

LEGEND = """\
Values are medians. ± is the 95 % confidence interval of the median, or half the range of fewer than six values. The ratio in
parentheses is that to {baseline}: below 1 is better, for rates too. p is that of the Mann-Whitney U test; a ratio with ~ is
not significantly different from 1 (p ≥ 0.05). The test reports a difference for one in twenty figures that do not differ.
Unless the suite says otherwise, each run has a fresh filesystem and its input in the page cache, and each daemon has done a
smaller piece of the same work before; *cold* marks rows without that.
"""

LEGEND_CONTENDERS = """
*overlayfs* and *native* are Debian's containerd with its own snapshotters, differ and pigz; *overlayfs-igzip* is the same with
igzip, which newer releases use; *soci* and *nydus* are snapshotters for lazy pulling, which unpack ordinary images like
overlayfs. *peer* and *containerd* are containerd's snapshotters behind a gRPC service, driven like Gatun. *gatun* syncs layers;
*gatun-unsynced* does not, as the peers do not; *gatun-walking* is Gatun with containerd's differ; *gatun-untrained* is Gatun
before *gatun train*; *gatun-indexed* stores indexed layers, and *gatun-background* syncs those after its answer. The *floor* is
the work that no implementation can avoid: the longest of decompressing, hashing, and creating files with content and times (for
indexed layers, writing one file), each alone; or their CPU time shared by all processors.
"""
