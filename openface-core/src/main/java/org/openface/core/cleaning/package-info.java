/** What is wrong with a data set: found, listed for a person to judge, and left out of a new one. */
@NullMarked
package org.openface.core.cleaning;

import org.jspecify.annotations.NullMarked;
