/** How well embeddings tell people apart: pairs of faces, accuracy, ROC. */
@NullMarked
package org.openface.core.eval;

import org.jspecify.annotations.NullMarked;
