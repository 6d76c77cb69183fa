package org.openface.triplet.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The files of numbers in a work directory: a line of names, and lines of numbers separated by commas. */
final class Table {
    private Table() {}

    /** Columns by name; NaN where a cell is empty. */
    static Map<String, double[]> read(Path file) throws IOException {
        List<String[]> rows = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            rows.add(line.split(",", -1));
        }
        Map<String, double[]> columns = new LinkedHashMap<>();
        for (int c = 0; !rows.isEmpty() && c < rows.get(0).length; c++) {
            double[] values = new double[rows.size() - 1];
            for (int r = 0; r < values.length; r++) {
                String[] row = rows.get(r + 1);
                values[r] = c < row.length ? number(row[c], file) : Double.NaN;
            }
            columns.put(rows.get(0)[c], values);
        }
        return columns;
    }

    private static double number(String cell, Path file) throws IOException {
        try {
            return cell.isEmpty() ? Double.NaN : Double.parseDouble(cell);
        } catch (NumberFormatException e) {
            throw new IOException("'" + cell + "' in " + file + " is no number", e);
        }
    }
}
