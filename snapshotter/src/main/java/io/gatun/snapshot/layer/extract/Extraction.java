package io.gatun.snapshot.layer.extract;

import io.gatun.snapshot.layer.lower.Ownership;
import io.gatun.snapshot.root.Disk;

/** The objects that the classes which extract one layer share. */
record Extraction(
    Disk disk,
    Ownership ownership,
    DirectoryCache cache,
    DeferredAttributes ledger,
    UsageTally tally) {}
