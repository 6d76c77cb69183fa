/** What a person looks at during and after a training: {@link org.openface.triplet.report.TrainingPlots}. */
@NullMarked
package org.openface.triplet.report;

import org.jspecify.annotations.NullMarked;
