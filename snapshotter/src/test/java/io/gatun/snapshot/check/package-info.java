/** Tests of the verifier, on roots that are made by hand. */
@NullMarked
package io.gatun.snapshot.check;

import org.jspecify.annotations.NullMarked;
