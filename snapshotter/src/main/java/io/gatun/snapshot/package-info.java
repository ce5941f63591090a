/**
 * The vocabulary of the domain: what a snapshot is, what can be asked of one, and how that can
 * fail.
 *
 * <p>Everything else in this module builds on these types; they use nothing but the JDK. The words
 * are containerd's and never vary: an active or view snapshot has a <em>key</em>, a committed one
 * has a <em>name</em>, both live in one name space, and a <em>parent</em> is always committed.
 */
@NullMarked
package io.gatun.snapshot;

import org.jspecify.annotations.NullMarked;
