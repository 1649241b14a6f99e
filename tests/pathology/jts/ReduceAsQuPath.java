import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.locationtech.jts.geom.Geometry;
import org.locationtech.jts.geom.GeometryFactory;
import org.locationtech.jts.geom.PrecisionModel;
import org.locationtech.jts.geom.impl.PackedCoordinateSequenceFactory;
import org.locationtech.jts.io.WKTReader;
import org.locationtech.jts.precision.GeometryPrecisionReducer;

/** For each line of standard input, a geometry as WKT, prints its area after the import of QuPath, or the error. */
class ReduceAsQuPath {
    public static void main(String[] arguments) throws Exception {
        PrecisionModel hundredths = new PrecisionModel(100);
        GeometryFactory floats = new GeometryFactory(hundredths, 0, PackedCoordinateSequenceFactory.FLOAT_FACTORY);
        WKTReader reader = new WKTReader(floats);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            try {
                Geometry reduced = GeometryPrecisionReducer.reduce(reader.read(line), hundredths);
                System.out.println(reduced.isValid() ? Double.toString(reduced.getArea()) : "invalid");
            } catch (Exception error) {
                System.out.println("error: " + error.getMessage());
            }
        }
    }
}
