package org.openface.core.cleaning;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.openface.core.dataset.FaceDataset;
import org.openface.core.internal.OwnerOnly;

/** What a {@link DatasetCleaner} has found: a list of each kind, the surest findings first. */
public final class CleaningReport {
    private final FaceDataset dataset;
    private final Map<ReviewList, List<Finding>> lists = new EnumMap<>(ReviewList.class);

    CleaningReport(FaceDataset dataset, List<Finding> findings) {
        this.dataset = dataset;
        List<Finding> sorted = new ArrayList<>(findings);
        sorted.sort(Finding.SUREST_FIRST);
        for (ReviewList list : ReviewList.values()) {
            lists.put(list, sorted.stream().filter(f -> f.list() == list).toList());
        }
    }

    /** One of the lists. */
    public List<Finding> list(ReviewList list) {
        return lists.getOrDefault(list, List.of());
    }

    /** All findings, list after list. */
    public List<Finding> findings() {
        return lists.values().stream().flatMap(List::stream).toList();
    }

    /**
     * Writes each list to its {@linkplain ReviewList#fileName file}, to be looked at and changed in the column {@code
     * decision}: {@code keep}, {@code remove}, or {@code move to NAME}. Rows may be deleted and added; an image or a person
     * without a row stays. {@link CleaningPlan#read} reads them. The same findings give the same bytes.
     *
     * @param folder made where it is missing; lists of an earlier review are replaced
     * @throws IOException if a file cannot be written
     */
    public void writeTo(Path folder) throws IOException {
        OwnerOnly.createDirectories(folder);
        for (ReviewList list : ReviewList.values()) {
            ReviewFile.write(list(list), folder.resolve(list.fileName()));
        }
    }

    /** The plan of all that is proposed, for those who do not look. */
    public CleaningPlan plan() {
        return CleaningPlan.of(dataset, findings());
    }

    /** How many findings each list has; no names. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("CleaningReport");
        lists.forEach((list, findings) -> text.append(' ')
                .append(list.fileName().replace(".tsv", ""))
                .append('=')
                .append(findings.size()));
        return text.toString();
    }
}
