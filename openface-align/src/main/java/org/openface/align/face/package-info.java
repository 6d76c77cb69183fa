/**
 * A face in a photograph: what detectors say of it, those of your own included, and what became of aligning it. Values that
 * the aligner takes and gives.
 */
@NullMarked
package org.openface.align.face;

import org.jspecify.annotations.NullMarked;
