/**
 * A folder of photographs becomes one of faces: the job, what it may touch, notes in the faces, the table of what became of
 * each photograph. Not API.
 */
@NullMarked
package org.openface.align.internal.directory;

import org.jspecify.annotations.NullMarked;
