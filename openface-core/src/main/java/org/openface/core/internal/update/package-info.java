/** How optimisers turn gradients into new parameters. Not API: this project's modules use it, nobody else may. */
@NullMarked
package org.openface.core.internal.update;

import org.jspecify.annotations.NullMarked;
