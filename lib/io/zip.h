/* zip.h - the records of a zip file (PKWARE's APPNOTE.TXT), as npz uses them; internal to io.
 *
 *   for each member: local header, data; then for each member: central record; then the end record
 *
 *   local    "PK\3\4" u16 version, flags, method, time, date; u32 crc, packed size, size;
 *            u16 lengths of name and extra; name, extra
 *   central  "PK\1\2" u16 made by, version, flags, method, time, date; u32 crc, packed size, size;
 *            u16 lengths of name, extra and comment, disk, attributes; u32 attributes, offset of the local header;
 *            name, extra, comment
 *   end      "PK\5\6" u16 disk, disk, records, records; u32 size and offset of the central records;
 *            u16 length of the comment; comment
 *
 * Where a size or an offset does not fit, it is all ones, and extra field 1 (zip64) holds it as u64.  Likewise the end
 * then has a zip64 record ("PK\6\6"), which a locator ("PK\6\7") just before the end points at. */
#ifndef VS_IO_ZIP_H
#define VS_IO_ZIP_H

enum {
    ZIP_LOCAL = 0x04034b50,
    ZIP_CENTRAL = 0x02014b50,
    ZIP_END = 0x06054b50,
    ZIP_END64 = 0x06064b50,
    ZIP_LOCATOR = 0x07064b50,
    ZIP_END_BYTES = 22,
    ZIP_LOCATOR_BYTES = 20,
    ZIP_END64_BYTES = 56,
    ZIP_CENTRAL_BYTES = 46,
    ZIP_LOCAL_BYTES = 30,
    ZIP_EXTRA_64 = 1,          /* extra field: sizes and offset of 64 bits */
    ZIP_EXTRA_IDENTITY = 0x5356, /* extra field: u64, vs_writer_resume()'s identity */
    ZIP_EXTRA_PADDING = 0xD935 /* extra field: nothing, for alignment (Android's zipalign has the number) */
};

#endif
