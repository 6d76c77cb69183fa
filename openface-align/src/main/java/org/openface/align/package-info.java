/**
 * From a photograph to a face of fixed size and pose: {@link org.openface.align.Aligner} finds the face and both eyes
 * and warps them onto OpenFace's template.
 */
@NullMarked
package org.openface.align;

import org.jspecify.annotations.NullMarked;
