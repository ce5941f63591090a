package io.gatun.snapshot.layer.erofs;

import java.util.OptionalLong;

/**
 * What has come of comparing an index with the one that the tar gives.
 *
 * @param difference where it begins to be another; nothing if it is the same
 * @param isInheritanceProven whether its UUID says that it has inherited what it shows; else that
 *     was taken as it is, and everything else compared
 */
public record IndexComparison(OptionalLong difference, boolean isInheritanceProven) {}
