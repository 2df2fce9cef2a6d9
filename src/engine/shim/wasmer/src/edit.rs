//! What is added to a module before it is compiled: a way out for code that is to pause (see watch.rs).
//!
//! A type, a table of one function and one or two globals, each the last of its kind, so that no index changes. The
//! host finds the table by the name that it is exported by, and puts the function into it.
//!
//! And what is mended: code reads a copy of a table that cannot grow, and Wasmer forgets that other modules may change the
//! table when it is exported. Such a table is declared as one that can, which its maximum tells limits.rs.

use std::borrow::Cow;
use wasmer_compiler::wasmparser::{
    BinaryReader, ExportSectionReader, ExternalKind, ImportSectionReader, RefType, Table, TableInit,
    TableSectionReader, TypeRef,
};

/// A module that exports something by this name itself becomes invalid.
pub const TABLE: &str = "ubiq:pause";

/// The maximum of a table that has only its minimum in truth.
pub const IN_TRUTH_FIXED: u32 = u32::MAX - 1;

const TYPES: u8 = 1;
const IMPORTS: u8 = 2;
const TABLES: u8 = 4;
const GLOBALS: u8 = 6;
const EXPORTS: u8 = 7;

struct Section<'a> {
    id: u8,
    content: Cow<'a, [u8]>,
}

struct Addition {
    id: u8,
    count: u32,
    bytes: Vec<u8>,
}

impl Addition {
    fn new(id: u8, count: u32, bytes: Vec<u8>) -> Self {
        Self { id, count, bytes }
    }
}

fn read_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut reader = BinaryReader::new(bytes, 0);
    let value = reader.read_var_u32().ok()?;
    Some((value, &bytes[reader.current_position()..]))
}

fn write_u32(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn write_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    write_u32(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

fn read_sections(wasm: &[u8]) -> Option<Vec<Section<'_>>> {
    let mut sections = Vec::new();
    let mut rest = wasm.get(8..)?;
    while let Some((&id, after)) = rest.split_first() {
        let (size, after) = read_u32(after)?;
        let content = Cow::from(after.get(..size as usize)?);
        sections.push(Section { id, content });
        rest = &after[size as usize..];
    }
    Some(sections)
}

// Sections stand in an order that is not quite that of their numbers. Custom ones stand anywhere.
fn rank(id: u8) -> u8 {
    match id {
        6..=9 => id + 1,
        13 => 6,
        12 => 11,
        10 | 11 => id + 2,
        _ => id,
    }
}

fn reader_of<'a>(sections: &'a [Section], id: u8) -> Option<BinaryReader<'a>> {
    let section = sections.iter().find(|section| section.id == id)?;
    Some(BinaryReader::new(&section.content, 0))
}

fn imported_tables(sections: &[Section]) -> Option<u32> {
    let Some(reader) = reader_of(sections, IMPORTS) else {
        return Some(0);
    };
    let imports = ImportSectionReader::new(reader).ok()?;
    let mut count = 0;
    for import in imports.into_imports() {
        count += matches!(import.ok()?.ty, TypeRef::Table(_)) as u32;
    }
    Some(count)
}

fn exported_tables(sections: &[Section]) -> Option<Vec<u32>> {
    let Some(reader) = reader_of(sections, EXPORTS) else {
        return Some(Vec::new());
    };
    let mut tables = Vec::new();
    for export in ExportSectionReader::new(reader).ok()? {
        let export = export.ok()?;
        if export.kind == ExternalKind::Table {
            tables.push(export.index);
        }
    }
    Some(tables)
}

fn is_fixed(table: &Table) -> bool {
    let ty = &table.ty;
    let is_plain = matches!(table.init, TableInit::RefNull) && !ty.table64 && !ty.shared;
    is_plain && ty.element_type == RefType::FUNCREF && ty.maximum == Some(ty.initial)
}

fn mended_tables(sections: &[Section]) -> Option<Vec<u8>> {
    let reader = reader_of(sections, TABLES)?;
    let content = &sections.iter().find(|section| section.id == TABLES)?.content;
    let (imported, exported) = (imported_tables(sections)?, exported_tables(sections)?);
    let tables = TableSectionReader::new(reader).ok()?.into_iter_with_offsets();
    let tables: Vec<(u64, Table)> = tables.collect::<Result<_, _>>().ok()?;
    let mut out = Vec::new();
    write_u32(&mut out, tables.len() as u32);
    for (place, (start, table)) in tables.iter().enumerate() {
        if is_fixed(table) && exported.contains(&(imported + place as u32)) {
            out.extend([0x70, 1]); // funcref, with a maximum
            write_u32(&mut out, table.ty.initial as u32);
            write_u32(&mut out, IN_TRUTH_FIXED);
        } else {
            let end = tables.get(place + 1).map_or(content.len(), |next| next.0 as usize);
            out.extend_from_slice(content.get(*start as usize..end)?);
        }
    }
    Some(out)
}

fn additions(sections: &[Section], fuel: bool) -> Option<[Addition; 4]> {
    let own = sections.iter().find(|section| section.id == TABLES);
    let own = own.map_or(Some(0), |section| Some(read_u32(&section.content)?.0))?;
    let mut export = Vec::new();
    write_sized(&mut export, TABLE.as_bytes());
    export.push(1); // a table
    write_u32(&mut export, imported_tables(sections)? + own);
    let mut globals = Vec::new();
    if fuel {
        globals.extend([0x7e, 1, 0x42, 0, 0x0b]); // (mut i64) (i64.const 0)
    }
    globals.extend([0x7f, 1, 0x41, 0, 0x0b]); // (mut i32) (i32.const 0)
    let table = vec![0x70, 0, 1]; // 1 funcref; of a table that cannot grow, code would read a copy
    Some([
        Addition::new(TYPES, 1, vec![0x60, 0, 0]), // (func)
        Addition::new(TABLES, 1, table),
        Addition::new(GLOBALS, 1 + fuel as u32, globals),
        Addition::new(EXPORTS, 1, export),
    ])
}

fn write_section(out: &mut Vec<u8>, old: Option<&Section>, addition: &Addition) -> Option<()> {
    let (count, items) = match old {
        Some(section) => read_u32(&section.content)?,
        None => (0, &[][..]),
    };
    let mut content = Vec::new();
    write_u32(&mut content, count.checked_add(addition.count)?);
    content.extend_from_slice(items);
    content.extend_from_slice(&addition.bytes);
    out.push(addition.id);
    write_sized(out, &content);
    Some(())
}

/// The module with what it takes to pause; None when it cannot be read.
pub fn with_pause(wasm: &[u8], fuel: bool) -> Option<Vec<u8>> {
    let mut sections = read_sections(wasm)?;
    if let Some(place) = sections.iter().position(|section| section.id == TABLES) {
        sections[place].content = mended_tables(&sections)?.into();
    }
    let additions = additions(&sections, fuel)?;
    let mut left = additions.iter().peekable();
    let mut out = wasm[..8].to_vec();
    for section in &sections {
        while let Some(addition) = left.next_if(|next| section.id != 0 && rank(next.id) < rank(section.id)) {
            write_section(&mut out, None, addition)?;
        }
        if let Some(addition) = left.next_if(|next| next.id == section.id) {
            write_section(&mut out, Some(section), addition)?;
        } else {
            out.push(section.id);
            write_sized(&mut out, &section.content);
        }
    }
    for addition in left {
        write_section(&mut out, None, addition)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_module_is_given_all_four_sections_in_their_order() {
        let edited = with_pause(b"\0asm\x01\0\0\0", true).unwrap();
        let ids: Vec<u8> = read_sections(&edited)
            .unwrap()
            .iter()
            .map(|section| section.id)
            .collect();
        assert_eq!(ids, [TYPES, TABLES, GLOBALS, EXPORTS]);
    }

    #[test]
    fn what_is_there_keeps_its_place_and_index() {
        // One type, one imported table, one global, a custom section behind it.
        let wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x09\x01\x01a\x01b\x01\x70\0\0\x06\x06\x01\x7f\0\x41\x07\x0b\0\x02\x01x";
        let edited = with_pause(wasm, false).unwrap();
        let sections = read_sections(&edited).unwrap();
        let ids: Vec<u8> = sections.iter().map(|section| section.id).collect();
        assert_eq!(ids, [TYPES, IMPORTS, TABLES, GLOBALS, 0, EXPORTS]);
        assert_eq!(*sections[3].content, *b"\x02\x7f\0\x41\x07\x0b\x7f\x01\x41\0\x0b");
        assert_eq!(sections[5].content.last(), Some(&1)); // behind the imported one
    }

    #[test]
    fn a_table_that_cannot_grow_is_declared_as_one_that_can_when_it_is_exported() {
        // Two tables of funcref, 2 2; the second is exported.
        let wasm = b"\0asm\x01\0\0\0\x04\x09\x02\x70\x01\x02\x02\x70\x01\x02\x02\x07\x05\x01\x01t\x01\x01";
        let edited = with_pause(wasm, false).unwrap();
        let sections = read_sections(&edited).unwrap();
        let tables = b"\x03\x70\x01\x02\x02\x70\x01\x02\xfe\xff\xff\xff\x0f\x70\0\x01";
        assert_eq!(*sections[1].content, *tables);
    }

    #[test]
    fn what_cannot_be_read_is_left_to_others_to_refuse() {
        assert!(with_pause(b"\0asm", false).is_none());
        assert!(with_pause(b"\0asm\x01\0\0\0\x01\x7f", false).is_none());
    }
}
