package history

import (
	"encoding/binary"
	"math/bits"
)

// powers of ten, up to those of eight digits.
var powers = [9]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// plainNumber is the integer of at most 18 digits at b[at:]; end is 0 where there is none. It has no zero before its digits.
func plainNumber(b []byte, at int) (n int64, end int) {
	if at < len(b) && b[at] == '-' {
		n, end = plainDigits(b, at+1)
		return -n, end
	}
	return plainDigits(b, at)
}

// plainDigits is plainNumber without a sign.
func plainDigits(b []byte, at int) (n int64, end int) {
	if len(b)-at < 24 {
		return lastDigits(b, at)
	}
	n, digits := eightDigits(b[at:])
	if digits == 8 {
		more, d := eightDigits(b[at+8:])
		n, digits = n*powers[d]+more, digits+d
		if d == 8 {
			more, d = eightDigits(b[at+16:])
			if digits += d; digits <= 18 {
				n = n*powers[d] + more
			}
		}
	}
	if digits == 0 || digits > 18 || digits > 1 && b[at] == '0' {
		return 0, 0
	}
	return n, at + digits
}

// eightDigits are the digits, eight at most, with which b begins, which has eight bytes at least.
func eightDigits(b []byte) (n int64, digits int) {
	const zeros, sevens, highest = 0x3030303030303030, 0x7676767676767676, 0x8080808080808080
	x := binary.LittleEndian.Uint64(b) ^ zeros                // a byte below 10 of each digit, the first is the lowest
	digits = bits.TrailingZeros64((x|(x+sevens))&highest) / 8 // what is carried out of a byte that is no digit touches only those behind it
	x <<= 64 - 8*digits                                       // as many zeros before them as lack
	x = (x * (10<<8 + 1) >> 8) & 0x00ff00ff00ff00ff           // pairs
	x = (x * (100<<16 + 1) >> 16) & 0x0000ffff0000ffff        // fours
	return int64(x * (10000<<32 + 1) >> 32), digits
}

// lastDigits is plainDigits where b has not many bytes more.
func lastDigits(b []byte, at int) (n int64, end int) {
	end = at
	for end < len(b) && b[end]-'0' <= 9 {
		if end-at == 18 {
			return 0, 0
		}
		n = n*10 + int64(b[end]-'0')
		end++
	}
	if end == at || end-at > 1 && b[at] == '0' {
		return 0, 0
	}
	return n, end
}
