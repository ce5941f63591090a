/** What the parts of Gatun may know of each other, checked on the compiled classes. */
@NullMarked
package io.gatun.architecture;

import org.jspecify.annotations.NullMarked;
