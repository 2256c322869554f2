-- What views of readers look up.
GRANT dictGet ON tollbook.* TO tollbook_reading
