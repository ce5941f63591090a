/**
 * containerd's filter language: which snapshots a List is about.
 *
 * <p>Uses the domain types and RE2/J, and nothing else of Gatun; touches neither disk nor store.
 * Filters come from outside and are hostile until parsed: parsing recurses nowhere, and what a
 * regular expression may cost is bounded before it is compiled.
 */
@NullMarked
package io.gatun.snapshot.filter;

import org.jspecify.annotations.NullMarked;
