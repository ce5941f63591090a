/**
 * What a layer needs of the layers below it: the attributes of directories that it changes but does
 * not name, and the resolution of links and paths beneath a root.
 *
 * <p>{@link LowerTreeAttributes} reads attributes, {@link ImplicitDirFixup} applies them later to a
 * layer that was extracted without its parent. {@link SecureOpen} opens paths so that no link leads
 * out of the root (openat2(2), {@code RESOLVE_BENEATH}).
 *
 * <p>Reads through the native bindings and changes through the disk seam.
 */
@NullMarked
package io.gatun.snapshot.layer.lower;

import org.jspecify.annotations.NullMarked;
