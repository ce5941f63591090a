/** The allowed dependencies between the parts of Gatun, checked on the compiled classes. */
@NullMarked
package io.gatun.architecture;

import org.jspecify.annotations.NullMarked;
