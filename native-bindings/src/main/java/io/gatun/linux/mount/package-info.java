/**
 * Mounts, loop devices and namespaces, which affect a whole mount namespace, the machine or a
 * thread.
 *
 * <p>One final class for each family of headers, such as {@link io.gatun.linux.mount.Mounts}, with
 * the flags of its calls.
 */
@NullMarked
package io.gatun.linux.mount;

import org.jspecify.annotations.NullMarked;
