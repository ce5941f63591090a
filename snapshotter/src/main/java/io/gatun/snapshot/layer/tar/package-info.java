/**
 * What reads a layer's tar and judges it, apart from what is made of it.
 *
 * <p>{@link TarReader} knows the formats and believes no length without a limit; {@link
 * LayerReader} says what each entry means in a layer, or refuses it. Whoever consumes the entries,
 * be it to write a tree or an index, needs to check nothing more about them.
 *
 * <p>Touches no file. Uses paths and times of the native bindings and nothing else of Gatun.
 */
@NullMarked
package io.gatun.snapshot.layer.tar;

import org.jspecify.annotations.NullMarked;
