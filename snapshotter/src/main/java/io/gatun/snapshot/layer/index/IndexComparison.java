package io.gatun.snapshot.layer.index;

import java.util.OptionalLong;

/**
 * The result of comparing an existing index with one built from the tar.
 *
 * @param difference offset of the first difference; empty if they are the same
 * @param isInheritanceProven whether the UUID confirms the inherited attributes; otherwise they
 *     were taken from the existing index and only the rest was compared
 */
public record IndexComparison(OptionalLong difference, boolean isInheritanceProven) {}
