/**
 * Drawings of faces, for tests and for trying things out without photographs. In a jar of its own, {@code openface-core}
 * with the classifier {@code tests}: what draws them is no part of the library.
 */
@NullMarked
package org.openface.core.drawn;

import org.jspecify.annotations.NullMarked;
