/** Shared by the modules of this project; not part of its API, and changed without notice. */
@NullMarked
package org.openface.core.internal;

import org.jspecify.annotations.NullMarked;
