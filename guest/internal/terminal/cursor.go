package terminal

// cursor is where the next character appears. All numbers count from 0.
type cursor struct {
	columns, rows int
	row           int
	// column is columns where the last one is written and the next character wraps.
	column int
	// top and bottom are the rows that scroll.
	top, bottom int
	// origin counts rows from top.
	origin bool
	// newLine makes a line feed return as well.
	newLine bool
	// lastWidth is that of a character right before, 0 for none.
	lastWidth int
	tabs      [ColumnsMax]bool
	// saved are those of the two screens.
	saved       [2]savedCursor
	isAlternate bool
}

type savedCursor struct {
	row, column int
	origin      bool
}

const tabDistance = 8

func (c *cursor) reset() {
	*c = cursor{columns: c.columns, rows: c.rows, bottom: c.rows - 1}
	c.resetTabs()
}

func (c *cursor) resetTabs() {
	for i := range c.tabs {
		c.tabs[i] = i%tabDistance == 0
	}
}

// print moves past a character of that many columns.
func (c *cursor) print(width int, wraps bool) {
	if width == 0 {
		return
	}
	if c.column+width > c.columns {
		if wraps {
			c.column = 0
			c.index()
		} else {
			c.column = c.columns - width
		}
	}
	c.column += width
}

func (c *cursor) printNarrow(count int, wraps bool) {
	for count > 0 {
		if c.column >= c.columns {
			if !wraps {
				return
			}
			c.column = 0
			c.index()
		}
		step := min(count, c.columns-c.column)
		c.column += step
		count -= step
	}
}

// repeat prints the character before it again. More than a screen of it leads to a place that less of it reaches as well.
func (c *cursor) repeat(count int, wraps bool) {
	for range min(count, c.columns*c.rows) {
		c.print(c.lastWidth, wraps)
	}
}

// index moves down a row, or scrolls.
func (c *cursor) index() {
	if c.row != c.bottom {
		c.row = min(c.row+1, c.rows-1)
	}
}

func (c *cursor) reverseIndex() {
	if c.row != c.top {
		c.row = max(c.row-1, 0)
	}
}

func (c *cursor) lineFeed() {
	c.index()
	if c.newLine {
		c.column = 0
	}
	c.settle()
}

// settle gives up a wrap that was due: every movement does.
func (c *cursor) settle() { c.column = min(c.column, c.columns-1) }

func (c *cursor) up(count int) {
	c.settle()
	limit := 0
	if c.row >= c.top {
		limit = c.top
	}
	c.row = max(c.row-count, limit)
}

func (c *cursor) down(count int) {
	c.settle()
	limit := c.rows - 1
	if c.row <= c.bottom {
		limit = c.bottom
	}
	c.row = min(c.row+count, limit)
}

func (c *cursor) sideways(count int) { c.toColumn(min(c.column, c.columns-1) + count) }

func (c *cursor) toColumn(column int) { c.column = max(0, min(column, c.columns-1)) }

// toRow counts from the scrolling rows in origin mode, and does not leave them.
func (c *cursor) toRow(row int) {
	c.settle()
	if c.origin {
		c.row = max(c.top, min(c.top+row, c.bottom))
		return
	}
	c.row = max(0, min(row, c.rows-1))
}

func (c *cursor) home() {
	c.toRow(0)
	c.column = 0
}

func (c *cursor) tab(count int) {
	c.settle()
	for range min(count, c.columns) {
		for c.column < c.columns-1 {
			c.column++
			if c.tabs[c.column] {
				break
			}
		}
	}
}

func (c *cursor) backTab(count int) {
	c.settle()
	for range min(count, c.columns) {
		for c.column > 0 {
			c.column--
			if c.tabs[c.column] {
				break
			}
		}
	}
}

func (c *cursor) setTab() {
	if c.column < c.columns {
		c.tabs[c.column] = true
	}
}

func (c *cursor) clearTabs(which int) {
	switch which {
	case 0:
		if c.column < c.columns {
			c.tabs[c.column] = false
		}
	case 3:
		c.tabs = [ColumnsMax]bool{}
	}
}

// scrollBetween counts rows from 1; 0 is the last.
func (c *cursor) scrollBetween(top, bottom int) {
	if bottom == 0 || bottom > c.rows {
		bottom = c.rows
	}
	if top < bottom {
		c.top, c.bottom = top-1, bottom-1
		c.home()
	}
}

func (c *cursor) save() {
	c.saved[c.screen()] = savedCursor{row: c.row, column: min(c.column, c.columns-1), origin: c.origin}
}

func (c *cursor) restore() {
	saved := c.saved[c.screen()]
	c.row, c.column, c.origin = min(saved.row, c.rows-1), min(saved.column, c.columns-1), saved.origin
}

func (c *cursor) screen() int {
	if c.isAlternate {
		return 1
	}
	return 0
}
