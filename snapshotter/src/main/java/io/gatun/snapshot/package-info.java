/**
 * The vocabulary of the domain: snapshots, the operations on them, and the ways in which these
 * fail.
 *
 * <p>Everything else in this module builds on these types; they use nothing but the JDK. The words
 * are containerd's and never vary: an active or view snapshot has a <em>key</em>, a committed one
 * has a <em>name</em>, both share one namespace, and a <em>parent</em> is always committed.
 */
@NullMarked
package io.gatun.snapshot;

import org.jspecify.annotations.NullMarked;
