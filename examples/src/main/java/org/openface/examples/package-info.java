/** To be written. */
@NullMarked
package org.openface.examples;

import org.jspecify.annotations.NullMarked;
