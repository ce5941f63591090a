/**
 * containerd's filter language, which selects snapshots for List.
 *
 * <p>Uses the domain types and RE2/J, and nothing else of Gatun; touches neither disk nor store.
 * Filters are untrusted: parsing does not recurse, and the cost of a regular expression is bounded
 * before it is compiled.
 */
@NullMarked
package io.gatun.snapshot.filter;

import org.jspecify.annotations.NullMarked;
